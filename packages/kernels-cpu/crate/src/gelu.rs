//! GELU, x times the standard normal distribution function of x (Hendrycks and Gimpel 2016), and its gradient.

use crate::lanes::fma;
use crate::math::{erf, exp};
use crate::threads::Floats;
use crate::threads::{BLOCK, for_each_block};
use napi_derive::napi;
use std::f32::consts::FRAC_1_SQRT_2;

const INVERSE_SQRT_2PI: f32 = 0.398_942_3;

#[inline(always)]
fn forward_body<const FMA: bool>(x: &[f32], out: &mut [f32]) {
    for (out, &x) in out.iter_mut().zip(x) {
        let half = 0.5 * x;
        *out = fma::<FMA>(half, erf::<FMA>(x * FRAC_1_SQRT_2), half);
    }
}

#[inline(always)]
fn backward_body<const FMA: bool>(x: &[f32], dy: &[f32], dx: &mut [f32]) {
    for ((dx, &x), &dy) in dx.iter_mut().zip(x).zip(dy) {
        let cumulative = fma::<FMA>(0.5, erf::<FMA>(x * FRAC_1_SQRT_2), 0.5);
        let density = INVERSE_SQRT_2PI * exp::<FMA>(-0.5 * x * x);
        *dx = dy * fma::<FMA>(x, density, cumulative);
    }
}

per_path! { pub fn forward_block(x: &[f32], out: &mut [f32]) = forward_body }
per_path! { fn backward_block(x: &[f32], dy: &[f32], dx: &mut [f32]) = backward_body }

#[napi(catch_unwind)]
pub fn gelu(x: &[f32], out: Floats) {
    assert_eq!(x.len(), out.len(), "the output's length is not its input's");
    for_each_block(out, BLOCK, |range, out| forward_block(&x[range], out));
}

#[napi(catch_unwind)]
pub fn gelu_grad(x: &[f32], dy: &[f32], dx: Floats) {
    assert!(
        x.len() == dx.len() && dy.len() == dx.len(),
        "the arrays are not of one length"
    );
    for_each_block(dx, BLOCK, |range, dx| {
        backward_block(&x[range.clone()], &dy[range], dx)
    });
}
