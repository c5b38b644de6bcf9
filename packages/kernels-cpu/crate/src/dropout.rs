//! Dropout whose mask is the hash of (seed, element index), as `hash32` in @sdq/core.

use crate::lanes::LANES;
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
    // Whole chunks with a counter of fixed width: the form that becomes vector code.
    let mut counter = first;
    for (x, out) in x.chunks(LANES).zip(out.chunks_mut(LANES)) {
        let mut values = [0f32; LANES];
        values[..x.len()].copy_from_slice(x);
        for (i, value) in values.iter_mut().enumerate() {
            let hash = lowbias32(seed ^ counter.wrapping_add(i as u32));
            *value = if hash >= threshold { *value * scale } else { 0.0 };
        }
        out.copy_from_slice(&values[..x.len()]);
        counter = counter.wrapping_add(LANES as u32);
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
