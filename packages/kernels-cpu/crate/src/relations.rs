//! The divergence between the relations of tokens in two models: softmax(q k^T / sqrt(d)) per sequence and head. No
//! probabilities are kept: the backward pass computes them again, a tile of query rows at a time.

use crate::attention::Layout;
use crate::losses::{kl_grad_rows, kl_rows};
use crate::matmul::{View, multiply_tile};
use crate::threads::Floats;
use crate::threads::{Shared, for_each, map, with_scratch};
use napi_derive::napi;
use std::ops::Range;

/// Query rows whose scores are held at a time.
const QUERY_ROWS: usize = 128;

/// One model's queries and keys.
struct Relation<'a> {
    q: &'a [f32],
    k: &'a [f32],
    layout: Layout<'a>,
}

impl<'a> Relation<'a> {
    fn new(q: &'a [f32], k: &'a [f32], offsets: &'a [i32], heads: u32) -> Self {
        assert!(q.len() == k.len(), "q and k are not of one length");
        Relation {
            q,
            k,
            layout: Layout::new(offsets, heads, q.len()),
        }
    }

    /// The scores of `count` query rows from row `at` on with all keys of their sequence: out [count, length].
    fn scores(&self, head: usize, rows: &Range<usize>, at: usize, count: usize, out: &mut [f32]) {
        let (layout, length) = (&self.layout, rows.len());
        assert!(
            out.len() == count * length,
            "the scores are not one a query and key"
        );
        let queries = layout.view(self.q, at, head);
        let keys = layout.view(self.k, rows.start, head).transposed();
        let target = out.as_mut_ptr();
        // SAFETY: `out` holds count rows of `length`, and is this call's own.
        unsafe {
            multiply_tile(
                count,
                length,
                layout.width(),
                queries,
                keys,
                target,
                length,
                layout.scale(),
                false,
            );
        }
    }
}

/// The query rows of a sequence in tiles: (first row, count).
fn tiles(rows: &Range<usize>) -> impl Iterator<Item = (usize, usize)> {
    let end = rows.end;
    rows.clone()
        .step_by(QUERY_ROWS)
        .map(move |at| (at, QUERY_ROWS.min(end - at)))
}

/// The sum over sequences, heads and query rows of KL(teacher's relation || student's).
#[napi(catch_unwind)]
pub fn relation_kl(
    teacher_q: &[f32],
    teacher_k: &[f32],
    q: &[f32],
    k: &[f32],
    offsets: &[i32],
    heads: u32,
) -> f64 {
    let teacher = Relation::new(teacher_q, teacher_k, offsets, heads);
    let student = Relation::new(q, k, offsets, heads);
    let units = student.layout.units();
    let sums = map(units.len(), |unit| {
        let (head, rows) = &units[unit];
        let area = QUERY_ROWS.min(rows.len()) * rows.len();
        let mut sum = 0f64;
        with_scratch(2 * area, |scratch| {
            let (t, s) = scratch.split_at_mut(area);
            for (at, count) in tiles(rows) {
                let (t, s) = (&mut t[..count * rows.len()], &mut s[..count * rows.len()]);
                teacher.scores(*head, rows, at, count, t);
                student.scores(*head, rows, at, count, s);
                sum += kl_rows(t, s, rows.len(), 1.0);
            }
        });
        sum
    });
    sums.into_iter().sum()
}

/// dq and dk [tokens, hidden] of `factor` times that sum.
#[napi(catch_unwind)]
pub fn relation_kl_grad(
    teacher_q: &[f32],
    teacher_k: &[f32],
    q: &[f32],
    k: &[f32],
    offsets: &[i32],
    heads: u32,
    factor: f64,
    dq: Floats,
    dk: Floats,
) {
    let teacher = Relation::new(teacher_q, teacher_k, offsets, heads);
    let student = Relation::new(q, k, offsets, heads);
    assert!(
        dq.len() == q.len() && dk.len() == q.len(),
        "the gradients are not of their inputs' length"
    );
    let layout = &student.layout;
    let (d, hidden, scale) = (layout.width(), layout.hidden, layout.scale());
    let units = layout.units();
    let (dq, dk) = (Shared::new(dq), Shared::new(dk));
    for_each(units.len(), |unit| {
        let (head, rows) = &units[unit];
        let length = rows.len();
        let area = QUERY_ROWS.min(length) * length;
        with_scratch(3 * area, |scratch| {
            let (t, rest) = scratch.split_at_mut(area);
            let (s, ds) = rest.split_at_mut(area);
            for (at, count) in tiles(rows) {
                let size = count * length;
                let (t, s, ds) = (&mut t[..size], &mut s[..size], &mut ds[..size]);
                teacher.scores(*head, rows, at, count, t);
                student.scores(*head, rows, at, count, s);
                kl_grad_rows(t, s, length, 1.0, factor as f32, ds);
                let ds = View::rows(ds, length);
                let queries = layout.view(q, at, *head);
                let keys = layout.view(k, rows.start, *head);
                let column = *head * d;
                // SAFETY: each unit writes its own head's columns of its own sequence's rows.
                unsafe {
                    let target = dq.address(at * hidden + column);
                    multiply_tile(count, d, length, ds, keys, target, hidden, scale, false);
                    let target = dk.address(rows.start * hidden + column);
                    let accumulate = at > rows.start;
                    let ds = ds.transposed();
                    multiply_tile(length, d, count, ds, queries, target, hidden, scale, accumulate);
                }
            }
        });
    });
}
