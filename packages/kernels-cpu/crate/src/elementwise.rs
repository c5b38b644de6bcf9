//! Sums, products and functions element by element.

use crate::math::tanh;
use crate::threads::Floats;
use crate::threads::{BLOCK, for_each_block};
use napi_derive::napi;

#[inline(always)]
fn binary_body<const FMA: bool>(operation: u32, a: &[f32], b: &[f32], out: &mut [f32]) {
    let pairs = out.iter_mut().zip(a).zip(b);
    match operation {
        0 => pairs.for_each(|((out, a), b)| *out = a + b),
        1 => pairs.for_each(|((out, a), b)| *out = a - b),
        _ => pairs.for_each(|((out, a), b)| *out = a * b),
    }
}

#[inline(always)]
fn with_scalar_body<const FMA: bool>(operation: u32, a: &[f32], b: f32, out: &mut [f32]) {
    let pairs = out.iter_mut().zip(a);
    match operation {
        0 => pairs.for_each(|(out, a)| *out = a + b),
        1 => pairs.for_each(|(out, a)| *out = a - b),
        2 => pairs.for_each(|(out, a)| *out = a * b),
        _ => pairs.for_each(|(out, a)| *out = b - a),
    }
}

#[inline(always)]
fn tanh_body<const FMA: bool>(x: &[f32], out: &mut [f32]) {
    for (out, &x) in out.iter_mut().zip(x) {
        *out = tanh::<FMA>(x);
    }
}

#[inline(always)]
fn accumulate_body<const FMA: bool>(x: &[f32], out: &mut [f32]) {
    for (out, x) in out.iter_mut().zip(x) {
        *out += x;
    }
}

per_path! { fn binary_block(operation: u32, a: &[f32], b: &[f32], out: &mut [f32]) = binary_body }
per_path! { fn with_scalar_block(operation: u32, a: &[f32], b: f32, out: &mut [f32]) = with_scalar_body }
per_path! { pub fn tanh_block(x: &[f32], out: &mut [f32]) = tanh_body }
per_path! { pub fn accumulate_block(x: &[f32], out: &mut [f32]) = accumulate_body }

/// out = a + b (operation 0), a - b (1) or a * b (2); `b` may be shorter than `a` and is then repeated.
#[napi(catch_unwind)]
pub fn binary(operation: u32, a: &[f32], b: &[f32], out: Floats) {
    assert_eq!(a.len(), out.len(), "the output's length is not its input's");
    let period = b.len();
    if period == out.len() {
        for_each_block(out, BLOCK, |range, out| {
            binary_block(operation, &a[range.clone()], &b[range], out)
        });
    } else if period > 0 {
        assert!(
            out.len().is_multiple_of(period),
            "the shorter operand does not repeat evenly"
        );
        let rows = (BLOCK / period).max(1);
        for_each_block(out, rows * period, |range, out| {
            for (a, out) in a[range].chunks_exact(period).zip(out.chunks_exact_mut(period)) {
                binary_block(operation, a, b, out);
            }
        });
    }
}

/// out = a + b (operation 0), a - b (1), a * b (2) or b - a (3) for a number b.
#[napi(catch_unwind)]
pub fn with_scalar(operation: u32, a: &[f32], b: f64, out: Floats) {
    assert_eq!(a.len(), out.len(), "the output's length is not its input's");
    for_each_block(out, BLOCK, |range, out| {
        with_scalar_block(operation, &a[range], b as f32, out)
    });
}

/// out = the sum of the inputs, in their order.
#[napi(catch_unwind)]
pub fn add_n(inputs: Vec<&[f32]>, out: Floats) {
    assert!(
        inputs.iter().all(|x| x.len() == out.len()),
        "the inputs are not of one length"
    );
    for_each_block(out, BLOCK, |range, out| match inputs.split_first() {
        None => out.fill(0.0),
        Some((first, rest)) => {
            out.copy_from_slice(&first[range.clone()]);
            for x in rest {
                accumulate_block(&x[range.clone()], out);
            }
        }
    });
}

/// out = tanh(x).
#[napi(catch_unwind, js_name = "tanh")]
pub fn tanh_forward(x: &[f32], out: Floats) {
    assert_eq!(x.len(), out.len(), "the output's length is not its input's");
    for_each_block(out, BLOCK, |range, out| tanh_block(&x[range], out));
}
