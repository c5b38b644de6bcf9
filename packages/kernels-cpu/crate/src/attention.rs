//! Self-attention over packed sequences: softmax(q k^T / sqrt(d)) v per sequence and head. No probabilities are
//! kept: the backward pass recomputes them from the rows' log-sums (Dao et al. 2022, "FlashAttention").

use crate::lanes::{fma, sum_pairs};
use crate::math::exp;
use crate::matmul::{View, multiply_tile};
use crate::softmax::softmax_rows;
use crate::threads::Floats;
use crate::threads::{Shared, for_each, with_scratch};
use napi_derive::napi;

/// Query rows whose scores are held at a time.
pub const QUERY_ROWS: usize = 128;

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
    pub fn units(&self) -> Vec<(usize, std::ops::Range<usize>)> {
        let mut sequences: Vec<_> = self
            .offsets
            .windows(2)
            .map(|pair| pair[0] as usize..pair[1] as usize)
            .collect();
        sequences.retain(|rows| !rows.is_empty());
        sequences.sort_by_key(|rows| std::cmp::Reverse(rows.len()));
        let heads = |rows: std::ops::Range<usize>| (0..self.heads).map(move |head| (head, rows.clone()));
        sequences.into_iter().flat_map(heads).collect()
    }

    /// Runs `job(head, rows of one sequence)` for each unit.
    fn for_each_unit(&self, job: impl Fn(usize, std::ops::Range<usize>) + Send + Sync) {
        let units = self.units();
        for_each(units.len(), |unit| job(units[unit].0, units[unit].1.clone()));
    }

    /// One head's features from row `row` on.
    pub fn view<'a>(&self, data: &'a [f32], row: usize, head: usize) -> View<'a> {
        View::rows(&data[row * self.hidden + head * self.width()..], self.hidden)
    }
}

/// p = exp(scores - log_sum), and ds = p * (dp - sum_j(p dp)) in place of dp.
#[inline(always)]
fn score_gradients_body<const FMA: bool>(scores: &mut [f32], dp: &mut [f32], width: usize, log_sums: &[f32]) {
    let rows = scores
        .chunks_exact_mut(width)
        .zip(dp.chunks_exact_mut(width))
        .zip(log_sums);
    for ((p, dp), &log_sum) in rows {
        for value in p.iter_mut() {
            *value = exp::<FMA>(*value - log_sum);
        }
        let expected = sum_pairs(p, dp, |p, dp| p * dp);
        for (dp, &p) in dp.iter_mut().zip(p.iter()) {
            *dp = fma::<FMA>(p, *dp, -(p * expected));
        }
    }
}

per_path! {
    fn score_gradients(scores: &mut [f32], dp: &mut [f32], width: usize, log_sums: &[f32]) = score_gradients_body
}

/// One head's attention of `count` query rows over a sequence of `length`: out [count, d], `row_step` apart, with
/// `scores` as scratch memory; the rows' log-sums go to `log_sums`, as far as that goes.
///
/// # Safety
/// The rows of d floats from `out` on must be valid and not be used by others meanwhile.
pub unsafe fn attend(
    queries: View,
    keys: View,
    values: View,
    (count, length, d): (usize, usize, usize),
    scores: &mut [f32],
    log_sums: &mut [f32],
    out: *mut f32,
    row_step: usize,
) {
    let scores = &mut scores[..count * length];
    let scale = 1.0 / (d as f32).sqrt();
    // SAFETY: the scratch holds count rows of `length`; the caller vouches for `out`.
    unsafe {
        let target = scores.as_mut_ptr();
        let keys = keys.transposed();
        multiply_tile(count, length, d, queries, keys, target, length, scale, false);
        softmax_rows(scores, length, log_sums);
        let scores = View::rows(scores, length);
        multiply_tile(count, d, length, scores, values, out, row_step, 1.0, false);
    }
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
    let (d, hidden) = (layout.width(), layout.hidden);
    let tokens = q.len() / hidden;
    assert!(
        k.len() == q.len() && v.len() == q.len() && out.len() == q.len(),
        "q, k, v are not of one length"
    );
    assert!(
        log_sums.len() == layout.heads * tokens,
        "the log-sums are not one a head and token"
    );
    let (out, log_sums) = (Shared::new(out), Shared::new(log_sums));
    layout.for_each_unit(|head, rows| {
        let length = rows.len();
        with_scratch(QUERY_ROWS.min(length) * length, |scores| {
            for first in (0..length).step_by(QUERY_ROWS) {
                let count = QUERY_ROWS.min(length - first);
                let at = rows.start + first;
                let sums = head * tokens + at;
                // SAFETY: each unit writes its own head's columns of its own sequence's rows, and its own log-sums.
                unsafe {
                    attend(
                        layout.view(q, at, head),
                        layout.view(k, rows.start, head),
                        layout.view(v, rows.start, head),
                        (count, length, d),
                        scores,
                        log_sums.part(sums..sums + count),
                        out.address(at * hidden + head * d),
                        hidden,
                    );
                }
            }
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
    let (d, hidden, scale) = (layout.width(), layout.hidden, layout.scale());
    let tokens = q.len() / hidden;
    let lengths = [k.len(), v.len(), dy.len(), dq.len(), dk.len(), dv.len()];
    assert!(
        lengths.iter().all(|&length| length == q.len()),
        "q, k, v are not of one length"
    );
    assert!(
        log_sums.len() == layout.heads * tokens,
        "the log-sums are not one a head and token"
    );
    let (dq, dk, dv) = (Shared::new(dq), Shared::new(dk), Shared::new(dv));
    layout.for_each_unit(|head, rows| {
        let length = rows.len();
        let area = QUERY_ROWS.min(length) * length;
        with_scratch(2 * area, |scratch| {
            let (scores, dp) = scratch.split_at_mut(area);
            for first in (0..length).step_by(QUERY_ROWS) {
                let count = QUERY_ROWS.min(length - first);
                let at = rows.start + first;
                let (scores, dp) = (&mut scores[..count * length], &mut dp[..count * length]);
                let keys = layout.view(k, rows.start, head);
                let values = layout.view(v, rows.start, head).transposed();
                let (queries, dy) = (layout.view(q, at, head), layout.view(dy, at, head));
                let accumulate = first > 0;
                // SAFETY: the scratch holds count rows of `length` twice; each unit writes its own head's columns of
                // its own sequence's rows.
                unsafe {
                    let target = scores.as_mut_ptr();
                    multiply_tile(
                        count,
                        length,
                        d,
                        queries,
                        keys.transposed(),
                        target,
                        length,
                        scale,
                        false,
                    );
                    multiply_tile(count, length, d, dy, values, dp.as_mut_ptr(), length, 1.0, false);
                    let sums = head * tokens + at;
                    score_gradients(scores, dp, length, &log_sums[sums..sums + count]);
                    let (p, ds) = (View::rows(scores, length), View::rows(dp, length));
                    let start = rows.start * hidden + head * d;
                    let target = dv.address(start);
                    multiply_tile(
                        length,
                        d,
                        count,
                        p.transposed(),
                        dy,
                        target,
                        hidden,
                        1.0,
                        accumulate,
                    );
                    let target = dk.address(start);
                    multiply_tile(
                        length,
                        d,
                        count,
                        ds.transposed(),
                        queries,
                        target,
                        hidden,
                        scale,
                        accumulate,
                    );
                    let target = dq.address(at * hidden + head * d);
                    multiply_tile(count, d, length, ds, keys, target, hidden, scale, false);
                }
            }
        });
    });
}
