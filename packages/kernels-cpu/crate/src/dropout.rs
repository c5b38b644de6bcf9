//! Dropout whose mask is the hash of (seed, element index), as `hash32` in @sdq/core.

use crate::threads::Floats;
use crate::threads::{BLOCK, for_each_block};
use napi_derive::napi;

#[inline(always)]
fn lowbias32(value: u32) -> u32 {
    let mut x = value;
    x = (x ^ (x >> 16)).wrapping_mul(0x21f0_aaad);
    x = (x ^ (x >> 15)).wrapping_mul(0x735a_2d97);
    x ^ (x >> 15)
}

#[inline(always)]
fn dropout_body<const FMA: bool>(
    x: &[f32],
    seed: u32,
    first: u32,
    threshold: u32,
    scale: f32,
    out: &mut [f32],
) {
    for ((i, out), &x) in (0u32..).zip(out.iter_mut()).zip(x) {
        let hash = lowbias32(seed ^ first.wrapping_add(i));
        *out = if hash >= threshold { x * scale } else { 0.0 };
    }
}

per_path! {
    fn dropout_block(x: &[f32], seed: u32, first: u32, threshold: u32, scale: f32, out: &mut [f32]) = dropout_body
}

/// out = x * scale where the element's hash is at least `threshold`, else 0; its own gradient.
#[napi(catch_unwind)]
pub fn dropout(x: &[f32], seed: u32, threshold: u32, scale: f64, out: Floats) {
    assert_eq!(x.len(), out.len(), "the output's length is not its input's");
    let seed = lowbias32(seed);
    for_each_block(out, BLOCK, |range, out| {
        dropout_block(
            &x[range.clone()],
            seed,
            range.start as u32,
            threshold,
            scale as f32,
            out,
        );
    });
}
