//! Layer normalisation over rows (Ba et al. 2016), forward and backward; the backward pass recomputes mean and
//! variance, since the row is in the cache anyway.

use crate::lanes::{LANES, fma, sum_lanes, sum_over};
use crate::threads::Floats;
use crate::threads::{Shared, block_range, for_each};
use napi_derive::napi;

const BLOCK_ROWS: usize = 32;

#[inline(always)]
fn statistics(x: &[f32], epsilon: f32) -> (f32, f32) {
    let mean = sum_over(x, |x| x) / x.len() as f32;
    let variance = sum_over(x, |x| (x - mean) * (x - mean)) / x.len() as f32;
    (mean, 1.0 / (variance + epsilon).sqrt())
}

#[inline(always)]
fn forward_body<const FMA: bool>(x: &[f32], gamma: &[f32], beta: &[f32], epsilon: f32, out: &mut [f32]) {
    let width = gamma.len();
    for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        let (mean, inverse) = statistics(x, epsilon);
        for (((out, &x), &gamma), &beta) in out.iter_mut().zip(x).zip(gamma).zip(beta) {
            *out = fma::<FMA>((x - mean) * inverse, gamma, beta);
        }
    }
}

/// dx of a block of rows; `sums` gets the block's share of d gamma and d beta.
#[inline(always)]
fn backward_body<const FMA: bool>(
    x: &[f32],
    gamma: &[f32],
    dy: &[f32],
    epsilon: f32,
    dx: &mut [f32],
    sums: &mut [f32],
) {
    let width = gamma.len();
    let (gamma_sums, beta_sums) = sums.split_at_mut(width);
    gamma_sums.fill(0.0);
    beta_sums.fill(0.0);
    let rows = x
        .chunks_exact(width)
        .zip(dy.chunks_exact(width))
        .zip(dx.chunks_exact_mut(width));
    for ((x, dy), dx) in rows {
        let (mean, inverse) = statistics(x, epsilon);
        let mut plain = [0f32; LANES];
        let mut weighted = [0f32; LANES];
        let whole = width - width % LANES;
        let mut start = 0;
        while start < whole {
            let (x, dy, gamma) = (
                &x[start..start + LANES],
                &dy[start..start + LANES],
                &gamma[start..start + LANES],
            );
            for i in 0..LANES {
                let g = dy[i] * gamma[i];
                plain[i] += g;
                weighted[i] = fma::<FMA>(g, x[i] - mean, weighted[i]);
            }
            start += LANES;
        }
        let (mut mean_g, mut mean_gx) = (sum_lanes(plain), sum_lanes(weighted));
        for i in whole..width {
            let g = dy[i] * gamma[i];
            mean_g += g;
            mean_gx += g * (x[i] - mean);
        }
        mean_g /= width as f32;
        mean_gx *= inverse / width as f32;
        let outputs = dx.iter_mut().zip(gamma_sums.iter_mut()).zip(beta_sums.iter_mut());
        for ((((dx, gamma_sum), beta_sum), (&x, &dy)), &gamma) in outputs.zip(x.iter().zip(dy)).zip(gamma) {
            let normal = (x - mean) * inverse;
            *dx = inverse * (fma::<FMA>(-normal, mean_gx, dy * gamma) - mean_g);
            *gamma_sum = fma::<FMA>(dy, normal, *gamma_sum);
            *beta_sum += dy;
        }
    }
}

per_path! {
    pub fn forward_rows(x: &[f32], gamma: &[f32], beta: &[f32], epsilon: f32, out: &mut [f32]) = forward_body
}
per_path! {
    fn backward_rows(x: &[f32], gamma: &[f32], dy: &[f32], epsilon: f32, dx: &mut [f32], sums: &mut [f32])
        = backward_body
}

/// out = (x - mean) / sqrt(variance + epsilon) * gamma + beta for each row of x [rows, gamma.len()].
#[napi(catch_unwind)]
pub fn layer_norm(x: &[f32], gamma: &[f32], beta: &[f32], epsilon: f64, out: Floats) {
    let width = gamma.len();
    assert!(
        width > 0 && x.len().is_multiple_of(width),
        "the rows are not whole"
    );
    assert!(
        out.len() == x.len() && beta.len() == width,
        "the arrays do not fit together"
    );
    crate::threads::for_each_block(out, BLOCK_ROWS * width, |range, out| {
        forward_rows(&x[range], gamma, beta, epsilon as f32, out);
    });
}

#[napi(catch_unwind)]
pub fn layer_norm_grad(
    x: &[f32],
    gamma: &[f32],
    dy: &[f32],
    epsilon: f64,
    dx: Floats,
    dgamma: Floats,
    dbeta: Floats,
) {
    let width = gamma.len();
    assert!(
        width > 0 && x.len().is_multiple_of(width),
        "the rows are not whole"
    );
    assert!(
        dy.len() == x.len() && dx.len() == x.len(),
        "the arrays do not fit together"
    );
    assert!(
        dgamma.len() == width && dbeta.len() == width,
        "the arrays do not fit together"
    );
    let total = x.len();
    let blocks = total.div_ceil(BLOCK_ROWS * width);
    let mut partial = vec![0f32; blocks * 2 * width];
    let (dx, sums) = (Shared::new(dx), Shared::new(&mut partial));
    for_each(blocks, |index| {
        let range = block_range(index, BLOCK_ROWS * width, total);
        // SAFETY: each index has its own block of rows and its own sums.
        let (dx, sums) = unsafe {
            (
                dx.part(range.clone()),
                sums.part(index * 2 * width..(index + 1) * 2 * width),
            )
        };
        backward_rows(&x[range.clone()], gamma, &dy[range], epsilon as f32, dx, sums);
    });
    dgamma.fill(0.0);
    dbeta.fill(0.0);
    for sums in partial.chunks_exact(2 * width) {
        for i in 0..width {
            dgamma[i] += sums[i];
            dbeta[i] += sums[width + i];
        }
    }
}
