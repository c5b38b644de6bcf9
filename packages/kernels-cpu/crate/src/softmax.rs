//! Softmax over rows.

use crate::lanes::{map_and_sum, maximum};
use crate::math::exp;
use crate::threads::Floats;
use crate::threads::for_each_block;
use napi_derive::napi;

/// Replaces each row by its softmax and leaves log(sum(exp(row))) in `log_sums`, as far as that goes.
#[inline(always)]
fn softmax_rows_body<const FMA: bool>(rows: &mut [f32], width: usize, log_sums: &mut [f32]) {
    for (index, row) in rows.chunks_exact_mut(width).enumerate() {
        let largest = maximum(row);
        let sum = map_and_sum(row, |value| exp::<FMA>(value - largest));
        let inverse = 1.0 / sum;
        for value in row.iter_mut() {
            *value *= inverse;
        }
        if let Some(log_sum) = log_sums.get_mut(index) {
            *log_sum = largest + sum.ln();
        }
    }
}

per_path! { fn softmax_rows(rows: &mut [f32], width: usize, log_sums: &mut [f32]) = softmax_rows_body }

/// out = the softmax of each row of x [rows, width].
#[napi(catch_unwind)]
pub fn softmax(x: &[f32], width: u32, out: Floats) {
    let width = width as usize;
    assert!(
        x.len() == out.len() && width > 0 && x.len().is_multiple_of(width),
        "the rows are not whole"
    );
    let rows = (crate::threads::BLOCK / width).max(1);
    for_each_block(out, rows * width, |range, out| {
        out.copy_from_slice(&x[range]);
        softmax_rows(out, width, &mut []);
    });
}
