//! One minus the cosine of rows, as half the squared distance of their directions, which does not cancel where the two
//! are close; and its gradient.

use crate::lanes::{sum_over, sum_pairs};
use crate::losses::{assert_rows, row_block};
use crate::threads::Floats;
use crate::threads::{block_range, for_each_block, map};
use napi_derive::napi;

/// Rows whose squared length is not above this have no direction.
const LEAST_SQUARE: f32 = 1e-16;

/// One over the row's length; 0 when it has no direction.
#[inline(always)]
fn inverse_length(row: &[f32]) -> f32 {
    let squares = sum_over(row, |x| x * x);
    if squares > LEAST_SQUARE {
        1.0 / squares.sqrt()
    } else if squares.is_nan() {
        f32::NAN
    } else {
        0.0
    }
}

#[inline(always)]
fn distance(t: &[f32], s: &[f32], to_t: f32, to_s: f32) -> f32 {
    0.5 * sum_pairs(t, s, |t, s| {
        let apart = t * to_t - s * to_s;
        apart * apart
    })
}

#[inline(always)]
fn distance_body<const FMA: bool>(teacher: &[f32], student: &[f32], width: usize) -> f64 {
    let mut total = 0f64;
    for (t, s) in teacher.chunks_exact(width).zip(student.chunks_exact(width)) {
        total += distance(t, s, inverse_length(t), inverse_length(s)) as f64;
    }
    total
}

/// d = factor * (s/|s| - t/|t| - distance * s/|s|) / |s|.
#[inline(always)]
fn distance_grad_body<const FMA: bool>(
    teacher: &[f32],
    student: &[f32],
    width: usize,
    factor: f32,
    out: &mut [f32],
) {
    let rows = teacher
        .chunks_exact(width)
        .zip(student.chunks_exact(width))
        .zip(out.chunks_exact_mut(width));
    for ((t, s), out) in rows {
        let (to_t, to_s) = (inverse_length(t), inverse_length(s));
        let apart = distance(t, s, to_t, to_s);
        let scale = if to_t == 0.0 { 0.0 } else { factor * to_s };
        for ((out, &t), &s) in out.iter_mut().zip(t).zip(s) {
            let direction = s * to_s;
            *out = scale * ((direction - t * to_t) - apart * direction);
        }
    }
}

per_path! { fn distance_rows(teacher: &[f32], student: &[f32], width: usize) -> f64 = distance_body }
per_path! {
    fn distance_grad_rows(teacher: &[f32], student: &[f32], width: usize, factor: f32, out: &mut [f32])
        = distance_grad_body
}

/// The sum over rows of one minus the cosine.
#[napi(catch_unwind)]
pub fn cosine_distance(teacher: &[f32], student: &[f32], width: u32) -> f64 {
    let width = width as usize;
    assert_rows(teacher, student, width);
    let size = row_block(width);
    let sums = map(teacher.len().div_ceil(size), |index| {
        let range = block_range(index, size, teacher.len());
        distance_rows(&teacher[range.clone()], &student[range], width)
    });
    sums.into_iter().sum()
}

/// out = the gradient of `factor` times that sum.
#[napi(catch_unwind)]
pub fn cosine_distance_grad(teacher: &[f32], student: &[f32], width: u32, factor: f64, out: Floats) {
    let width = width as usize;
    assert_rows(teacher, student, width);
    assert_eq!(out.len(), student.len(), "the output's length is not its input's");
    for_each_block(out, row_block(width), |range, out| {
        let (teacher, student) = (&teacher[range.clone()], &student[range]);
        distance_grad_rows(teacher, student, width, factor as f32, out);
    });
}
