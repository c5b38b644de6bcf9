//! Sums over whole arrays.

use crate::threads::{BLOCK, block_range, map};
use napi_derive::napi;

#[inline(always)]
fn squares_body<const FMA: bool>(x: &[f32]) -> f64 {
    let mut lanes = [0f64; 16];
    let chunks = x.chunks_exact(16);
    let rest = chunks.remainder();
    for chunk in chunks {
        for i in 0..16 {
            lanes[i] += chunk[i] as f64 * chunk[i] as f64;
        }
    }
    lanes
        .into_iter()
        .chain(rest.iter().map(|&x| x as f64 * x as f64))
        .sum()
}

per_path! { fn squares_block(x: &[f32]) -> f64 = squares_body }

/// The sum of the squares of all elements of all arrays.
#[napi(catch_unwind)]
pub fn sum_of_squares(arrays: Vec<&[f32]>) -> f64 {
    arrays
        .iter()
        .map(|x| {
            let blocks = map(x.len().div_ceil(BLOCK), |index| {
                squares_block(&x[block_range(index, BLOCK, x.len())])
            });
            blocks.into_iter().sum::<f64>()
        })
        // A sum of nothing would be minus zero.
        .fold(0.0, |total, sum| total + sum)
}
