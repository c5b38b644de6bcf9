//! Self-attention over packed sequences: softmax(q k^T / sqrt(d)) v per sequence and head. No probabilities are
//! kept: the backward pass recomputes them from the rows' log-sums (Dao et al. 2022, "FlashAttention").
//!
//! Scores lie as [keys, queries], so that each vector lane is one query: the softmax then needs no sums across lanes,
//! and no key is padding.

use crate::columns::copy_columns;
use crate::lanes::{LANES, fma, larger};
use crate::math::exp2;
use crate::matmul::View;
use crate::prefetch::prefetch_rows;
use crate::small_products::multiply_small;
use crate::threads::Floats;
use crate::threads::{Shared, for_each, thread_count, with_scratch};
use napi_derive::napi;
use std::f32::consts::LOG2_E;
use std::f64::consts::LN_2;
use std::ops::Range;

/// Queries whose scores are held at a time: two vectors of the widest path.
const QUERIES: usize = 2 * LANES;

/// Where the sequences and heads lie in the packed rows.
pub struct Layout<'a> {
    offsets: &'a [i32],
    pub heads: usize,
    pub hidden: usize,
}

impl Layout<'_> {
    pub fn new(offsets: &[i32], heads: u32, size: usize) -> Layout<'_> {
        let rows = offsets.last().map_or(0, |&last| last as usize);
        let heads = heads as usize;
        assert!(
            heads > 0 && offsets.first() == Some(&0),
            "the offsets do not begin at 0"
        );
        assert!(
            offsets.windows(2).all(|pair| pair[0] <= pair[1]),
            "the offsets fall"
        );
        let hidden = size.checked_div(rows).unwrap_or(heads);
        assert!(
            rows * hidden == size && hidden.is_multiple_of(heads),
            "the rows do not fit the offsets"
        );
        Layout {
            offsets,
            heads,
            hidden,
        }
    }

    pub fn width(&self) -> usize {
        self.hidden / self.heads
    }

    pub fn scale(&self) -> f32 {
        1.0 / (self.width() as f32).sqrt()
    }

    /// Each head of each sequence that has tokens, as (head, rows): the longest sequences first.
    pub fn units(&self) -> Vec<(usize, Range<usize>)> {
        let mut sequences: Vec<_> = self
            .offsets
            .windows(2)
            .map(|pair| pair[0] as usize..pair[1] as usize)
            .collect();
        sequences.retain(|rows| !rows.is_empty());
        sequences.sort_by_key(|rows| std::cmp::Reverse(rows.len()));
        let heads = |rows: Range<usize>| (0..self.heads).map(move |head| (head, rows.clone()));
        sequences.into_iter().flat_map(heads).collect()
    }

    /// Runs `job(head, rows of one sequence, operands there, those of a later unit)` for each unit; the operands are
    /// `data`.
    fn for_each_unit<const N: usize>(
        &self,
        data: [&[f32]; N],
        job: impl Fn(usize, Range<usize>, Operands<N>, Option<Operands<N>>) + Send + Sync,
    ) {
        let units = self.units();
        let operands = |(head, rows): &(usize, Range<usize>)| Operands {
            views: data.map(|data| self.view(data, rows.start, *head)),
            length: rows.len(),
            d: self.width(),
        };
        for_each(units.len(), |unit| {
            let (head, rows) = units[unit].clone();
            let later = units.get(unit + thread_count()).map(operands);
            job(head, rows, operands(&units[unit]), later);
        });
    }

    /// One head's features from row `row` on.
    pub fn view<'a>(&self, data: &'a [f32], row: usize, head: usize) -> View<'a> {
        View::rows(&data[row * self.hidden + head * self.width()..], self.hidden)
    }

    /// One head's features of one row.
    fn range(&self, row: usize, head: usize) -> Range<usize> {
        let start = row * self.hidden + head * self.width();
        start..start + self.width()
    }
}

/// Matrices [length, d] of one head of one sequence.
#[derive(Clone, Copy)]
pub struct Operands<'a, const N: usize> {
    pub views: [View<'a>; N],
    pub length: usize,
    pub d: usize,
}

impl<const N: usize> Operands<'_, N> {
    /// Brings as large a part of these closer to this core as `part` is of `whole`.
    fn prefetch(&self, part: &Range<usize>, whole: usize) {
        let rows = self.length * part.start / whole..self.length * part.end / whole;
        for view in self.views {
            prefetch_rows(view, rows.clone(), self.d);
        }
    }
}

/// Runs `job` with scratch memory of these lengths, of any content, each part beginning at a cache line.
fn with_parts<const N: usize>(lengths: [usize; N], job: impl FnOnce([&mut [f32]; N])) {
    let whole_lines = |length: usize| length.next_multiple_of(LANES);
    let total: usize = lengths.into_iter().map(whole_lines).sum();
    with_scratch(total + LANES, |scratch| {
        let start = scratch.as_ptr().align_offset(LANES * size_of::<f32>()).min(LANES);
        let mut rest = &mut scratch[start..];
        job(lengths.map(|length| {
            let (part, after) = std::mem::take(&mut rest).split_at_mut(whole_lines(length));
            rest = after;
            &mut part[..length]
        }));
    });
}

fn from_row(x: View, row: usize) -> View {
    View {
        data: &x.data[row * x.row_step..],
        ..x
    }
}

/// out [rows, width] = the rows of x [.., d], with zeros after them.
#[inline(always)]
fn copy_rows_body<const FMA: bool>(x: View, d: usize, width: usize, out: &mut [f32]) {
    for (row, out) in out.chunks_exact_mut(width).enumerate() {
        out[..d].copy_from_slice(&x.data[row * x.row_step..][..d]);
        out[d..].fill(0.0);
    }
}

per_path! { fn copy_rows(x: View, d: usize, width: usize, out: &mut [f32]) = copy_rows_body }

/// Replaces scores [keys, width] by exp(scale * score - the query's largest), and leaves each query's sum of these in
/// `sums` [width] and log(sum(exp(scale * score))) in `log_sums`, as far as that goes.
#[inline(always)]
fn exponentials_body<const FMA: bool>(
    scores: &mut [f32],
    width: usize,
    scale: f32,
    sums: &mut [f32],
    log_sums: &mut [f32],
) {
    let factor = scale * LOG2_E;
    for first in (0..width).step_by(LANES) {
        let mut largest = [f32::NEG_INFINITY; LANES];
        for scores in scores.chunks_exact(width) {
            let scores = &scores[first..first + LANES];
            for i in 0..LANES {
                largest[i] = larger(scores[i], largest[i]);
            }
        }
        let shifts = largest.map(|largest| largest * factor);
        let mut sum = [0f32; LANES];
        for scores in scores.chunks_exact_mut(width) {
            let scores = &mut scores[first..first + LANES];
            for i in 0..LANES {
                scores[i] = exp2::<FMA>(fma::<FMA>(scores[i], factor, -shifts[i]));
                sum[i] += scores[i];
            }
        }
        sums[first..first + LANES].copy_from_slice(&sum);
        for (i, log_sum) in log_sums.iter_mut().skip(first).take(LANES).enumerate() {
            *log_sum = (f64::from(shifts[i]) * LN_2) as f32 + sum[i].ln();
        }
    }
}

per_path! {
    fn exponentials(scores: &mut [f32], width: usize, scale: f32, sums: &mut [f32], log_sums: &mut [f32])
        = exponentials_body
}

/// Divides each row of x [.., width] by its divisor.
#[inline(always)]
fn divide_rows_body<const FMA: bool>(x: &mut [f32], width: usize, divisors: &[f32]) {
    for (row, divisor) in x.chunks_exact_mut(width).zip(divisors) {
        let factor = 1.0 / divisor;
        for value in row {
            *value *= factor;
        }
    }
}

per_path! { fn divide_rows(x: &mut [f32], width: usize, divisors: &[f32]) = divide_rows_body }

/// One head's attention of a sequence over itself, given q, k, v: calls `write` with each row and its context [d]; the
/// rows' log-sums go to `log_sums`, as far as that goes. `later` is what this thread will probably take next. (`write`
/// must not take scratch memory.)
pub fn attend(
    operands: Operands<3>,
    later: Option<Operands<3>>,
    log_sums: &mut [f32],
    mut write: impl FnMut(usize, &[f32]),
) {
    let Operands { length, d, .. } = operands;
    let [queries, keys, values] = operands.views;
    let scale = 1.0 / (d as f32).sqrt();
    let width = d.next_multiple_of(LANES);
    let most = QUERIES.min(length.next_multiple_of(LANES));
    let lengths = [length * width, d * most, length * most, most * width, most];
    with_parts(lengths, |[v, q, scores, context, sums]| {
        copy_rows(values, d, width, v);
        for first in (0..length).step_by(QUERIES) {
            let count = QUERIES.min(length - first);
            let lanes = count.next_multiple_of(LANES);
            let (q, scores) = (&mut q[..d * lanes], &mut scores[..length * lanes]);
            let context = &mut context[..count * width];
            copy_columns(from_row(queries, first), count, lanes, q);
            if let Some(later) = &later {
                later.prefetch(&(first..first + count), length);
            }
            multiply_small(d, keys, q, lanes, scores, false);
            let reached = first.min(log_sums.len())..(first + count).min(log_sums.len());
            exponentials(scores, lanes, scale, sums, &mut log_sums[reached]);
            let probabilities = View::rows(scores, lanes).transposed();
            multiply_small(length, probabilities, v, width, context, false);
            divide_rows(context, width, sums);
            for (row, context) in context.chunks_exact(width).enumerate() {
                write(first + row, &context[..d]);
            }
        }
    });
}

/// p = exp(scale * score - log_sum) in place of the scores [keys, width], and scale * ds = scale * p * (dp - sum(p dp))
/// in place of dp.
#[inline(always)]
fn score_gradients_body<const FMA: bool>(
    scores: &mut [f32],
    dp: &mut [f32],
    width: usize,
    scale: f32,
    log_sums: &[f32],
) {
    let factor = scale * LOG2_E;
    for first in (0..width).step_by(LANES) {
        let mut shifts = [0f32; LANES];
        for (shift, log_sum) in shifts.iter_mut().zip(log_sums.iter().skip(first)) {
            *shift = log_sum * LOG2_E;
        }
        let mut expected = [0f32; LANES];
        for (p, dp) in scores.chunks_exact_mut(width).zip(dp.chunks_exact(width)) {
            let (p, dp) = (&mut p[first..first + LANES], &dp[first..first + LANES]);
            for i in 0..LANES {
                p[i] = exp2::<FMA>(fma::<FMA>(p[i], factor, -shifts[i]));
                expected[i] = fma::<FMA>(p[i], dp[i], expected[i]);
            }
        }
        for (p, dp) in scores.chunks_exact(width).zip(dp.chunks_exact_mut(width)) {
            let (p, dp) = (&p[first..first + LANES], &mut dp[first..first + LANES]);
            for i in 0..LANES {
                dp[i] = scale * p[i] * (dp[i] - expected[i]);
            }
        }
    }
}

per_path! {
    fn score_gradients(scores: &mut [f32], dp: &mut [f32], width: usize, scale: f32, log_sums: &[f32])
        = score_gradients_body
}

/// The gradients of `attend`, given q, k, v, dy: calls `write` with 0 for dq, 1 for dk and 2 for dv, each row and its
/// gradient [d].
fn attend_grad(
    operands: Operands<4>,
    later: Option<Operands<4>>,
    log_sums: &[f32],
    mut write: impl FnMut(usize, usize, &[f32]),
) {
    let Operands { length, d, .. } = operands;
    let [queries, keys, values, dy] = operands.views;
    let scale = 1.0 / (d as f32).sqrt();
    let width = d.next_multiple_of(LANES);
    let most = QUERIES.min(length.next_multiple_of(LANES));
    let (all, block, columns, area) = (length * width, most * width, d * most, length * most);
    let lengths = [all, all, all, block, block, block, columns, area, area];
    with_parts(
        lengths,
        |[k, dk, dv, q_rows, dy_rows, dq, columns, scores, dp]| {
            copy_rows(keys, d, width, k);
            for first in (0..length).step_by(QUERIES) {
                let count = QUERIES.min(length - first);
                let lanes = count.next_multiple_of(LANES);
                let (queries, dy) = (from_row(queries, first), from_row(dy, first));
                let columns = &mut columns[..d * lanes];
                let (scores, dp) = (&mut scores[..length * lanes], &mut dp[..length * lanes]);
                let dq = &mut dq[..count * width];
                copy_columns(queries, count, lanes, columns);
                if let Some(later) = &later {
                    later.prefetch(&(first..first + count), length);
                }
                multiply_small(d, View::rows(k, width), columns, lanes, scores, false);
                copy_columns(dy, count, lanes, columns);
                multiply_small(d, values, columns, lanes, dp, false);
                score_gradients(scores, dp, lanes, scale, &log_sums[first..first + count]);
                copy_rows(queries, d, width, &mut q_rows[..count * width]);
                copy_rows(dy, d, width, &mut dy_rows[..count * width]);
                let (p, ds) = (View::rows(scores, lanes), View::rows(dp, lanes));
                multiply_small(count, p, dy_rows, width, dv, first > 0);
                multiply_small(count, ds, q_rows, width, dk, first > 0);
                multiply_small(length, ds.transposed(), k, width, dq, false);
                for (row, dq) in dq.chunks_exact(width).enumerate() {
                    write(0, first + row, &dq[..d]);
                }
            }
            for (row, (dk, dv)) in dk.chunks_exact(width).zip(dv.chunks_exact(width)).enumerate() {
                write(1, row, &dk[..d]);
                write(2, row, &dv[..d]);
            }
        },
    );
}

/// out [tokens, hidden] and log_sums [heads, tokens] of q, k, v [tokens, hidden].
#[napi(catch_unwind)]
pub fn attention(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    offsets: &[i32],
    heads: u32,
    out: Floats,
    log_sums: Floats,
) {
    let layout = Layout::new(offsets, heads, q.len());
    let tokens = q.len() / layout.hidden;
    assert!(
        k.len() == q.len() && v.len() == q.len() && out.len() == q.len(),
        "q, k, v are not of one length"
    );
    assert!(
        log_sums.len() == layout.heads * tokens,
        "the log-sums are not one a head and token"
    );
    let (out, log_sums) = (Shared::new(out), Shared::new(log_sums));
    layout.for_each_unit([q, k, v], |head, rows, operands, later| {
        let sums = head * tokens + rows.start..head * tokens + rows.end;
        // SAFETY: each unit writes its own log-sums.
        let log_sums = unsafe { log_sums.part(sums) };
        attend(operands, later, log_sums, |row, context| {
            // SAFETY: each unit writes its own head's columns of its own sequence's rows.
            unsafe { out.part(layout.range(rows.start + row, head)) }.copy_from_slice(context);
        });
    });
}

/// dq, dk, dv of the attention, all [tokens, hidden].
#[napi(catch_unwind)]
pub fn attention_grad(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    log_sums: &[f32],
    dy: &[f32],
    offsets: &[i32],
    heads: u32,
    dq: Floats,
    dk: Floats,
    dv: Floats,
) {
    let layout = Layout::new(offsets, heads, q.len());
    let tokens = q.len() / layout.hidden;
    let lengths = [k.len(), v.len(), dy.len(), dq.len(), dk.len(), dv.len()];
    assert!(
        lengths.iter().all(|&length| length == q.len()),
        "q, k, v are not of one length"
    );
    assert!(
        log_sums.len() == layout.heads * tokens,
        "the log-sums are not one a head and token"
    );
    let gradients = [dq, dk, dv].map(Shared::new);
    layout.for_each_unit([q, k, v, dy], |head, rows, operands, later| {
        let sums = &log_sums[head * tokens + rows.start..head * tokens + rows.end];
        attend_grad(operands, later, sums, |which, row, gradient| {
            // SAFETY: each unit writes its own head's columns of its own sequence's rows.
            unsafe { gradients[which].part(layout.range(rows.start + row, head)) }.copy_from_slice(gradient);
        });
    });
}
