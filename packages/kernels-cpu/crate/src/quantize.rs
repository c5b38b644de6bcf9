//! Rounding onto integer grids, as floats. Division, not multiplication by a reciprocal, and rounding half to even,
//! so that every backend and path gives the same integers.

use crate::lanes::{LANES, larger, smaller};
use crate::threads::Floats;
use crate::threads::{BLOCK, Shared, block_range, for_each_block, map};
use napi_derive::napi;

/// Adding 1.5 * 2^23 pushes the fraction out.
const ROUNDER: f32 = 12_582_912.0;

/// The value rounded half to even, for |x| below 2^22.
#[inline(always)]
fn round(x: f32) -> f32 {
    (x + ROUNDER) - ROUNDER
}

/// The largest bit pattern without the sign: at least that of infinity when a value is not finite.
#[inline(always)]
fn largest_bits(x: &[f32]) -> u32 {
    x.iter()
        .fold(0, |largest, x| largest.max(x.to_bits() & 0x7fff_ffff))
}

/// Whether all is finite; out = clamp(round(x / scale), low, high) * scale.
#[inline(always)]
fn fake_quantize_body<const FMA: bool>(x: &[f32], scale: f32, low: f32, high: f32, out: &mut [f32]) -> bool {
    // 1024 at a time: the check finds them in the nearest cache.
    let mut finite = true;
    for (x, out) in x.chunks(1024).zip(out.chunks_mut(1024)) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = round(smaller(larger(x / scale, low), high)) * scale;
        }
        finite &= largest_bits(x) < f32::INFINITY.to_bits();
    }
    finite
}

/// A grid of at most 256 steps, whose steps are stored as bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ByteGrid {
    pub scale: f32,
    pub zero_point: i32,
    /// The first and last step, less the zero point.
    pub low: f32,
    pub high: f32,
}

/// out = clamp(round(x / scale), low, high) + zero point, whether all is finite: the step of each value that
/// `fake_quantize` gives.
#[inline(always)]
fn quantize_bytes_body<const FMA: bool>(x: &[f32], grid: ByteGrid, out: &mut [u8]) -> bool {
    for (out, &x) in out.iter_mut().zip(x) {
        // After the sum the rounded value sits in the low bits.
        let rounded = smaller(larger(x / grid.scale, grid.low), grid.high) + ROUNDER;
        *out = (rounded.to_bits().wrapping_sub(ROUNDER.to_bits()) as i32).wrapping_add(grid.zero_point) as u8;
    }
    largest_bits(x) < f32::INFINITY.to_bits()
}

/// dx = dy where x rounds into the grid, else 0.
#[inline(always)]
fn fake_quantize_grad_body<const FMA: bool>(
    x: &[f32],
    dy: &[f32],
    scale: f32,
    low: f32,
    high: f32,
    dx: &mut [f32],
) {
    for ((dx, &x), &dy) in dx.iter_mut().zip(x).zip(dy) {
        // One step beyond either end is enough to tell, and keeps `round` in its range.
        let q = round(smaller(larger(x / scale, low - 1.0), high + 1.0));
        *dx = if (q >= low) & (q <= high) { dy } else { 0.0 };
    }
}

/// The share of the mean magnitude above which a ternary value is not zero (Li and Liu 2016, equation 6).
const TERNARY_THRESHOLD: f64 = 0.7;

/// The scale of a row of finite values that are rounded to -1, 0 and 1 (0 for zeros), and the magnitude above which one is not 0: sums in
/// the order and precision of `ternaryGrid` in @sdq/kernels, so that the integers are the same.
fn ternary_grid(x: &[f32]) -> (f32, f64) {
    let magnitude = |&x: &f32| f64::from(x.abs());
    let mean = x.iter().map(magnitude).sum::<f64>() / x.len() as f64;
    let threshold = TERNARY_THRESHOLD * mean;
    let (mut kept, mut count) = (0f64, 0u32);
    for magnitude in x.iter().map(magnitude) {
        let counts = magnitude > threshold;
        kept += if counts { magnitude } else { 0.0 };
        count += u32::from(counts);
    }
    let scale = (kept / f64::from(count)) as f32;
    if scale > 0.0 {
        (scale, threshold)
    } else {
        (0.0, f64::INFINITY)
    }
}

/// -1, 0 or 1.
#[inline(always)]
fn ternary_step(x: f32, threshold: f64) -> i8 {
    let x = f64::from(x);
    i8::from(x > threshold) - i8::from(x < -threshold)
}

#[inline(always)]
fn rows_body<const FMA: bool>(x: &[f32], width: usize, levels: f32, out: &mut [f32]) -> bool {
    let mut finite = true;
    for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        let bits = largest_bits(x);
        finite &= bits < f32::INFINITY.to_bits();
        if levels == 1.0 {
            let (scale, threshold) = ternary_grid(x);
            for (out, &x) in out.iter_mut().zip(x) {
                *out = f32::from(ternary_step(x, threshold)) * scale;
            }
            continue;
        }
        let scale = f32::from_bits(bits) / levels;
        if scale > 0.0 {
            for (out, &x) in out.iter_mut().zip(x) {
                *out = round(smaller(larger(x / scale, -levels), levels)) * scale;
            }
        } else {
            out.fill(0.0);
        }
    }
    finite
}

/// out = the steps of the row that `rows_body` gives as floats; its scale, which is not finite when a value is not.
#[inline(always)]
fn quantize_row_body<const FMA: bool>(x: &[f32], levels: f32, out: &mut [i8]) -> f32 {
    let largest = f32::from_bits(largest_bits(x));
    if levels == 1.0 && largest.is_finite() {
        let (scale, threshold) = ternary_grid(x);
        for (out, &x) in out.iter_mut().zip(x) {
            *out = ternary_step(x, threshold);
        }
        return scale;
    }
    let scale = largest / levels;
    if scale > 0.0 {
        for (out, &x) in out.iter_mut().zip(x) {
            let rounded = smaller(larger(x / scale, -levels), levels) + ROUNDER;
            *out = rounded.to_bits().wrapping_sub(ROUNDER.to_bits()) as i8;
        }
    } else {
        out.fill(0);
    }
    scale
}

/// out = clamp(round(x / scale), low, high): the steps from zero, as floats.
#[inline(always)]
fn integer_steps_body<const FMA: bool>(x: &[f32], scale: f32, low: f32, high: f32, out: &mut [f32]) {
    for (out, &x) in out.iter_mut().zip(x) {
        *out = round(smaller(larger(x / scale, low), high));
    }
}

/// dx = 0 where x does not round into the grid.
#[inline(always)]
fn mask_body<const FMA: bool>(x: &[f32], scale: f32, low: f32, high: f32, dx: &mut [f32]) {
    for (dx, &x) in dx.iter_mut().zip(x) {
        let q = round(smaller(larger(x / scale, low - 1.0), high + 1.0));
        *dx = if (q >= low) & (q <= high) { *dx } else { 0.0 };
    }
}

#[inline(always)]
fn min_max_body<const FMA: bool>(x: &[f32]) -> (f32, f32, bool) {
    let mut low = [f32::INFINITY; LANES];
    let mut high = [f32::NEG_INFINITY; LANES];
    let chunks = x.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for i in 0..LANES {
            low[i] = smaller(chunk[i], low[i]);
            high[i] = larger(chunk[i], high[i]);
        }
    }
    let low = low.iter().chain(rest).fold(f32::INFINITY, |a, &b| smaller(b, a));
    let high = high
        .iter()
        .chain(rest)
        .fold(f32::NEG_INFINITY, |a, &b| larger(b, a));
    (low, high, largest_bits(x) < f32::INFINITY.to_bits())
}

per_path! {
    fn fake_quantize_block(x: &[f32], scale: f32, low: f32, high: f32, out: &mut [f32]) -> bool = fake_quantize_body
}
per_path! {
    fn fake_quantize_grad_block(x: &[f32], dy: &[f32], scale: f32, low: f32, high: f32, dx: &mut [f32])
        = fake_quantize_grad_body
}
per_path! { pub fn quantize_bytes(x: &[f32], grid: ByteGrid, out: &mut [u8]) -> bool = quantize_bytes_body }
per_path! { pub fn quantize_row(x: &[f32], levels: f32, out: &mut [i8]) -> f32 = quantize_row_body }
per_path! {
    pub fn integer_steps(x: &[f32], scale: f32, low: f32, high: f32, out: &mut [f32]) = integer_steps_body
}
per_path! { pub fn mask_block(x: &[f32], scale: f32, low: f32, high: f32, dx: &mut [f32]) = mask_body }
per_path! { fn quantize_rows(x: &[f32], width: usize, levels: f32, out: &mut [f32]) -> bool = rows_body }
per_path! { fn min_max_block(x: &[f32]) -> (f32, f32, bool) = min_max_body }

/// Runs `job` on blocks of `x` and `out`; whether all said that their values are finite.
fn all_finite(
    x: &[f32],
    out: &mut [f32],
    size: usize,
    job: impl Fn(&[f32], &mut [f32]) -> bool + Send + Sync,
) -> bool {
    assert_eq!(x.len(), out.len(), "the output's length is not its input's");
    let out = Shared::new(out);
    let results = map(x.len().div_ceil(size), |index| {
        let range = block_range(index, size, x.len());
        // SAFETY: blocks of different indices do not overlap.
        job(&x[range.clone()], unsafe { out.part(range) })
    });
    results.into_iter().all(|finite| finite)
}

/// out = x on the grid of steps `low` to `high` times `scale`; false when a value is not finite.
#[napi(catch_unwind)]
pub fn fake_quantize(x: &[f32], scale: f64, low: f64, high: f64, out: Floats) -> bool {
    let (scale, low, high) = (scale as f32, low as f32, high as f32);
    all_finite(x, out, BLOCK, |x, out| {
        fake_quantize_block(x, scale, low, high, out)
    })
}

#[napi(catch_unwind)]
pub fn fake_quantize_grad(x: &[f32], dy: &[f32], scale: f64, low: f64, high: f64, dx: Floats) {
    assert!(
        x.len() == dx.len() && dy.len() == dx.len(),
        "the arrays are not of one length"
    );
    for_each_block(dx, BLOCK, |range, dx| {
        let (x, dy) = (&x[range.clone()], &dy[range]);
        fake_quantize_grad_block(x, dy, scale as f32, low as f32, high as f32, dx);
    });
}

/// dx = 0 where x does not round into the grid: `fake_quantize_grad` in place.
#[napi(catch_unwind)]
pub fn fake_quantize_mask(x: &[f32], scale: f64, low: f64, high: f64, dx: Floats) {
    assert_eq!(x.len(), dx.len(), "the arrays are not of one length");
    for_each_block(dx, BLOCK, |range, dx| {
        mask_block(&x[range], scale as f32, low as f32, high as f32, dx);
    });
}

/// out = each row of x on its own symmetric grid of `levels` steps to either side, ternary for one step; false when a value is not finite.
#[napi(catch_unwind)]
pub fn fake_quantize_rows(x: &[f32], width: u32, levels: f64, out: Floats) -> bool {
    let width = width as usize;
    assert!(
        width > 0 && x.len().is_multiple_of(width),
        "the rows are not whole"
    );
    let size = (BLOCK / width).max(1) * width;
    all_finite(x, out, size, |x, out| quantize_rows(x, width, levels as f32, out))
}

#[napi(object)]
pub struct Range {
    pub min: f64,
    pub max: f64,
    pub finite: bool,
}

/// The smallest and largest element, and whether all are finite.
#[napi(catch_unwind)]
pub fn min_max(x: &[f32]) -> Range {
    let blocks = map(x.len().div_ceil(BLOCK), |index| {
        min_max_block(&x[block_range(index, BLOCK, x.len())])
    });
    let start = Range {
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
        finite: true,
    };
    blocks.into_iter().fold(start, |seen, (min, max, finite)| Range {
        min: seen.min.min(min as f64),
        max: seen.max.max(max as f64),
        finite: seen.finite && finite,
    })
}
