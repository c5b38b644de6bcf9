//! y = x w^T + b over token rows, and its gradients.

use crate::lanes::LANES;
use crate::matmul::{View, multiply};
use crate::threads::Floats;
use crate::threads::{Shared, block_range, for_each};
use crate::turned_rows::{multiply_turned, prefers_turned};
use napi_derive::napi;

/// Rows whose sum is taken before it joins the total, so that rounding errors do not grow with the batch.
const SUM_ROWS: usize = 64;

#[inline(always)]
fn column_sums_body<const FMA: bool>(x: &[f32], columns: usize, first: usize, out: &mut [f32]) {
    let rows = x.len().checked_div(columns).unwrap_or(0);
    out.fill(0.0);
    let mut start = 0;
    // Strips of one register block, so that the running sums stay in registers.
    while start < out.len() {
        let width = LANES.min(out.len() - start);
        for block in 0..rows.div_ceil(SUM_ROWS) {
            let mut sums = [0f32; LANES];
            for row in block_range(block, SUM_ROWS, rows) {
                let at = row * columns + first + start;
                if width == LANES {
                    let strip = &x[at..at + LANES];
                    for i in 0..LANES {
                        sums[i] += strip[i];
                    }
                } else {
                    for i in 0..width {
                        sums[i] += x[at + i];
                    }
                }
            }
            for i in 0..width {
                out[start + i] += sums[i];
            }
        }
        start += width;
    }
}

per_path! {
    fn column_sums_strip(x: &[f32], columns: usize, first: usize, out: &mut [f32]) = column_sums_body
}

/// out [columns] = the sums down the columns of x [rows, columns].
pub fn column_sums(x: &[f32], out: &mut [f32]) {
    const STRIP: usize = 8 * LANES;
    let columns = out.len();
    assert!(
        columns == 0 || x.len().is_multiple_of(columns),
        "the rows are not whole"
    );
    let shared = Shared::new(out);
    for_each(columns.div_ceil(STRIP), |index| {
        let range = block_range(index, STRIP, columns);
        // SAFETY: strips do not overlap.
        column_sums_strip(x, columns, range.start, unsafe { shared.part(range.clone()) });
    });
}

/// out [m, n] = x [m, k] w^T + bias [n], with w [n, k].
pub fn forward(x: &[f32], weight: &[f32], bias: &[f32], k: usize, out: &mut [f32]) {
    let n = bias.len();
    let m = out.len().checked_div(n).unwrap_or(0);
    if prefers_turned(m, n, k) {
        multiply_turned(x, weight, bias, k, out);
    } else {
        let (x, weight) = (View::rows(x, k), View::rows(weight, k).transposed());
        multiply(m, n, k, x, weight, Some(bias), out);
    }
}

/// out [m, n] = x [m, k] w^T + bias, with w [n, k].
#[napi(catch_unwind)]
pub fn linear(x: &[f32], weight: &[f32], bias: &[f32], out: Floats, m: u32, n: u32, k: u32) {
    let (m, n, k) = (m as usize, n as usize, k as usize);
    assert_eq!(out.len(), m * n, "the output's length is not its shape's");
    assert_eq!(bias.len(), n, "the bias is not one value a column");
    forward(x, weight, bias, k, out);
}

/// dx [m, k] = dy [m, n] w [n, k].
#[napi(catch_unwind)]
pub fn linear_grad_input(dy: &[f32], weight: &[f32], dx: Floats, m: u32, n: u32, k: u32) {
    let (m, n, k) = (m as usize, n as usize, k as usize);
    multiply(m, k, n, View::rows(dy, n), View::rows(weight, k), None, dx);
}

/// dw [n, k] = dy^T x.
#[napi(catch_unwind)]
pub fn linear_grad_weight(dy: &[f32], x: &[f32], dw: Floats, m: u32, n: u32, k: u32) {
    let (m, n, k) = (m as usize, n as usize, k as usize);
    multiply(
        n,
        k,
        m,
        View::rows(dy, n).transposed(),
        View::rows(x, k),
        None,
        dw,
    );
}

/// db [n] = the column sums of dy [m, n].
#[napi(catch_unwind)]
pub fn linear_grad_bias(dy: &[f32], db: Floats) {
    column_sums(dy, db);
}
