//! Losses over rows, each a mean, and their gradients. Rows are added up in f32, blocks of rows in f64.

use crate::lanes::{LANES, fma, map_and_sum, maximum, sum_lanes, sum_over, sum_pairs};
use crate::math::exp;
use crate::threads::Floats;
use crate::threads::{BLOCK, block_range, for_each_block, map};
use napi_derive::napi;

/// sum_i(p_i (log p_i - log q_i)) over the rows, with p and q the softmaxes of teacher and student times `inverse`.
#[inline(always)]
fn kl_body<const FMA: bool>(teacher: &[f32], student: &[f32], width: usize, inverse: f32) -> f64 {
    let mut total = 0f64;
    for (t, s) in teacher.chunks_exact(width).zip(student.chunks_exact(width)) {
        let (t_max, s_max) = (maximum(t), maximum(s));
        let mut t_sum = [0f32; LANES];
        let mut s_sum = [0f32; LANES];
        let mut weighted = [0f32; LANES];
        let mut term = |i: usize, t: f32, s: f32| {
            let (a, b) = ((t - t_max) * inverse, (s - s_max) * inverse);
            let p = exp::<FMA>(a);
            t_sum[i] += p;
            s_sum[i] += exp::<FMA>(b);
            weighted[i] = fma::<FMA>(p, a - b, weighted[i]);
        };
        let (t_chunks, s_chunks) = (t.chunks_exact(LANES), s.chunks_exact(LANES));
        let rest = t_chunks.remainder().iter().zip(s_chunks.remainder());
        for (t, s) in t_chunks.zip(s_chunks) {
            for i in 0..LANES {
                term(i, t[i], s[i]);
            }
        }
        for (&t, &s) in rest {
            term(0, t, s);
        }
        let (t_sum, s_sum) = (sum_lanes(t_sum), sum_lanes(s_sum));
        total += (sum_lanes(weighted) / t_sum) as f64 + ((s_sum / t_sum) as f64).ln();
    }
    total
}

/// d = factor * (q - p).
#[inline(always)]
fn kl_grad_body<const FMA: bool>(
    teacher: &[f32],
    student: &[f32],
    width: usize,
    inverse: f32,
    factor: f32,
    out: &mut [f32],
) {
    let rows = teacher
        .chunks_exact(width)
        .zip(student.chunks_exact(width))
        .zip(out.chunks_exact_mut(width));
    // The teacher's exponentials, of wide rows a part at a time.
    let mut powers = [0f32; 256];
    for ((t, s), out) in rows {
        let (t_max, s_max) = (maximum(t), maximum(s));
        let power = |t: f32| exp::<FMA>((t - t_max) * inverse);
        let mut t_sum = 0f32;
        for t in t.chunks(powers.len()) {
            powers[..t.len()].copy_from_slice(t);
            t_sum += map_and_sum(&mut powers[..t.len()], power);
        }
        out.copy_from_slice(s);
        let s_sum = map_and_sum(out, |s| exp::<FMA>((s - s_max) * inverse));
        let (p_factor, q_factor) = (factor / t_sum, factor / s_sum);
        if width <= powers.len() {
            for (q, &p) in out.iter_mut().zip(&powers) {
                *q = fma::<FMA>(*q, q_factor, -(p * p_factor));
            }
        } else {
            for (q, &t) in out.iter_mut().zip(t) {
                *q = fma::<FMA>(*q, q_factor, -(power(t) * p_factor));
            }
        }
    }
}

per_path! { pub fn kl_rows(teacher: &[f32], student: &[f32], width: usize, inverse: f32) -> f64 = kl_body }
per_path! {
    pub fn kl_grad_rows(teacher: &[f32], student: &[f32], width: usize, inverse: f32, factor: f32, out: &mut [f32])
        = kl_grad_body
}

pub fn row_block(width: usize) -> usize {
    (BLOCK / 4 / width).max(1) * width
}

pub fn assert_rows(a: &[f32], b: &[f32], width: usize) {
    assert!(
        a.len() == b.len() && width > 0 && a.len().is_multiple_of(width),
        "the rows are not whole"
    );
}

/// The sum over rows of KL(softmax(teacher * inverse) || softmax(student * inverse)).
#[napi(catch_unwind)]
pub fn softmax_kl(teacher: &[f32], student: &[f32], width: u32, inverse: f64) -> f64 {
    let width = width as usize;
    assert_rows(teacher, student, width);
    let size = row_block(width);
    let sums = map(teacher.len().div_ceil(size), |index| {
        let range = block_range(index, size, teacher.len());
        kl_rows(&teacher[range.clone()], &student[range], width, inverse as f32)
    });
    sums.into_iter().sum()
}

/// out = factor * (softmax(student * inverse) - softmax(teacher * inverse)) by rows.
#[napi(catch_unwind)]
pub fn softmax_kl_grad(teacher: &[f32], student: &[f32], width: u32, inverse: f64, factor: f64, out: Floats) {
    let width = width as usize;
    assert_rows(teacher, student, width);
    assert_eq!(out.len(), student.len(), "the output's length is not its input's");
    for_each_block(out, row_block(width), |range, out| {
        let (teacher, student) = (&teacher[range.clone()], &student[range]);
        kl_grad_rows(teacher, student, width, inverse as f32, factor as f32, out);
    });
}

#[inline(always)]
fn squares_body<const FMA: bool>(a: &[f32], b: &[f32]) -> f64 {
    // A loop, since a closure handed to an iterator would be compiled without the path's instructions.
    let mut total = 0f64;
    for (a, b) in a.chunks(1024).zip(b.chunks(1024)) {
        total += sum_pairs(a, b, |a, b| (a - b) * (a - b)) as f64;
    }
    total
}

#[inline(always)]
fn difference_body<const FMA: bool>(teacher: &[f32], student: &[f32], factor: f32, out: &mut [f32]) {
    for ((out, &t), &s) in out.iter_mut().zip(teacher).zip(student) {
        *out = factor * (s - t);
    }
}

per_path! { fn squares_block(a: &[f32], b: &[f32]) -> f64 = squares_body }
per_path! { fn difference_block(teacher: &[f32], student: &[f32], factor: f32, out: &mut [f32]) = difference_body }

/// The sum of the squared differences.
#[napi(catch_unwind)]
pub fn squared_error(teacher: &[f32], student: &[f32]) -> f64 {
    assert_eq!(teacher.len(), student.len(), "the arrays are not of one length");
    let sums = map(teacher.len().div_ceil(BLOCK), |index| {
        let range = block_range(index, BLOCK, teacher.len());
        squares_block(&teacher[range.clone()], &student[range])
    });
    sums.into_iter().sum()
}

/// out = factor * (student - teacher).
#[napi(catch_unwind)]
pub fn squared_error_grad(teacher: &[f32], student: &[f32], factor: f64, out: Floats) {
    assert!(
        teacher.len() == student.len() && out.len() == student.len(),
        "the arrays are not of one length"
    );
    for_each_block(out, BLOCK, |range, out| {
        difference_block(&teacher[range.clone()], &student[range], factor as f32, out);
    });
}

#[inline(always)]
fn cross_entropy_body<const FMA: bool>(logits: &[f32], width: usize, labels: &[i32]) -> f64 {
    let mut total = 0f64;
    for (row, &label) in logits.chunks_exact(width).zip(labels) {
        if let Some(&own) = usize::try_from(label).ok().and_then(|label| row.get(label)) {
            let largest = maximum(row);
            let sum = sum_over(row, |value| exp::<FMA>(value - largest));
            total += (sum as f64).ln() + (largest - own) as f64;
        }
    }
    total
}

#[inline(always)]
fn cross_entropy_grad_body<const FMA: bool>(
    logits: &[f32],
    width: usize,
    labels: &[i32],
    factor: f32,
    out: &mut [f32],
) {
    let rows = logits
        .chunks_exact(width)
        .zip(out.chunks_exact_mut(width))
        .zip(labels);
    for ((row, out), &label) in rows {
        let Some(label) = usize::try_from(label).ok().filter(|&label| label < width) else {
            out.fill(0.0);
            continue;
        };
        let largest = maximum(row);
        out.copy_from_slice(row);
        let scale = factor / map_and_sum(out, |value| exp::<FMA>(value - largest));
        for out in out.iter_mut() {
            *out *= scale;
        }
        out[label] -= factor;
    }
}

per_path! {
    fn cross_entropy_rows(logits: &[f32], width: usize, labels: &[i32]) -> f64 = cross_entropy_body
}
per_path! {
    fn cross_entropy_grad_rows(logits: &[f32], width: usize, labels: &[i32], factor: f32, out: &mut [f32])
        = cross_entropy_grad_body
}

/// The sum over rows of -log softmax(row)[label]; rows with a label below 0 do not count.
#[napi(catch_unwind)]
pub fn cross_entropy(logits: &[f32], width: u32, labels: &[i32]) -> f64 {
    let width = width as usize;
    assert_eq!(logits.len(), width * labels.len(), "the labels are not one a row");
    let size = row_block(width) / width;
    let sums = map(labels.len().div_ceil(size), |index| {
        let rows = block_range(index, size, labels.len());
        cross_entropy_rows(
            &logits[rows.start * width..rows.end * width],
            width,
            &labels[rows],
        )
    });
    sums.into_iter().sum()
}

/// out = factor * (softmax(row) - one at the label).
#[napi(catch_unwind)]
pub fn cross_entropy_grad(logits: &[f32], width: u32, labels: &[i32], factor: f64, out: Floats) {
    let width = width as usize;
    assert_eq!(logits.len(), width * labels.len(), "the labels are not one a row");
    assert_eq!(logits.len(), out.len(), "the output's length is not its input's");
    for_each_block(out, row_block(width), |range, out| {
        let labels = &labels[range.start / width..range.end / width];
        cross_entropy_grad_rows(&logits[range], width, labels, factor as f32, out);
    });
}
