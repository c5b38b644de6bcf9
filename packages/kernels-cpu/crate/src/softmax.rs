//! Softmax over rows.

use crate::lanes::{map_and_sum, maximum};
use crate::math::exp;
use crate::threads::Floats;
use crate::threads::for_each_block;
use napi_derive::napi;

/// Replaces each row by its softmax.
#[inline(always)]
fn softmax_rows_body<const FMA: bool>(rows: &mut [f32], width: usize) {
    for row in rows.chunks_exact_mut(width) {
        let largest = maximum(row);
        let sum = map_and_sum(row, |value| exp::<FMA>(value - largest));
        let inverse = 1.0 / sum;
        for value in row.iter_mut() {
            *value *= inverse;
        }
    }
}

per_path! { fn softmax_rows(rows: &mut [f32], width: usize) = softmax_rows_body }

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
        softmax_rows(out, width);
    });
}
