//! Losses over rows, each a mean, and their gradients. Rows are added up in f32, blocks of rows in f64.

use crate::lanes::{fma, maximum, sum_of};
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
        let mut t_sum = [0f32; 16];
        let mut s_sum = [0f32; 16];
        let mut weighted = [0f32; 16];
        let chunks = t.chunks_exact(16).zip(s.chunks_exact(16));
        for (t, s) in chunks {
            for i in 0..16 {
                let (a, b) = ((t[i] - t_max) * inverse, (s[i] - s_max) * inverse);
                let p = exp::<FMA>(a);
                t_sum[i] += p;
                s_sum[i] += exp::<FMA>(b);
                weighted[i] = fma::<FMA>(p, a - b, weighted[i]);
            }
        }
        for i in width - width % 16..width {
            let (a, b) = ((t[i] - t_max) * inverse, (s[i] - s_max) * inverse);
            let p = exp::<FMA>(a);
            t_sum[0] += p;
            s_sum[0] += exp::<FMA>(b);
            weighted[0] = fma::<FMA>(p, a - b, weighted[0]);
        }
        let (t_sum, s_sum) = (sum16(t_sum), sum16(s_sum));
        total += (sum16(weighted) / t_sum) as f64 + (s_sum as f64 / t_sum as f64).ln();
    }
    total
}

#[inline(always)]
fn sum16(mut lanes: [f32; 16]) -> f32 {
    let mut width = 8;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
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
    // 256 elements of the teacher's exponentials at a time stay in registers and cache.
    let mut powers = [0f32; 256];
    for ((t, s), out) in rows {
        let (t_max, s_max) = (maximum(t), maximum(s));
        if width <= 256 {
            for ((p, q), (&t, &s)) in powers.iter_mut().zip(out.iter_mut()).zip(t.iter().zip(s)) {
                *p = exp::<FMA>((t - t_max) * inverse);
                *q = exp::<FMA>((s - s_max) * inverse);
            }
            let p_factor = factor / sum_of(width, |i| powers[i]);
            let q_factor = factor / sum_of(width, |i| out[i]);
            for (q, &p) in out.iter_mut().zip(&powers) {
                *q = fma::<FMA>(*q, q_factor, -(p * p_factor));
            }
        } else {
            let p_factor = factor / sum_of(width, |i| exp::<FMA>((t[i] - t_max) * inverse));
            let q_factor = factor / sum_of(width, |i| exp::<FMA>((s[i] - s_max) * inverse));
            for (out, (&t, &s)) in out.iter_mut().zip(t.iter().zip(s)) {
                let q = exp::<FMA>((s - s_max) * inverse) * q_factor;
                *out = q - exp::<FMA>((t - t_max) * inverse) * p_factor;
            }
        }
    }
}

per_path! { fn kl_rows(teacher: &[f32], student: &[f32], width: usize, inverse: f32) -> f64 = kl_body }
per_path! {
    fn kl_grad_rows(teacher: &[f32], student: &[f32], width: usize, inverse: f32, factor: f32, out: &mut [f32])
        = kl_grad_body
}

fn row_block(width: usize) -> usize {
    (BLOCK / 4 / width).max(1) * width
}

fn assert_rows(a: &[f32], b: &[f32], width: usize) {
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
    a.chunks(1024)
        .zip(b.chunks(1024))
        .map(|(a, b)| sum_of(a.len(), |i| (a[i] - b[i]) * (a[i] - b[i])) as f64)
        .sum()
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
            let sum = sum_of(width, |i| exp::<FMA>(row[i] - largest));
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
        for (out, &value) in out.iter_mut().zip(row) {
            *out = exp::<FMA>(value - largest);
        }
        let scale = factor / sum_of(width, |i| out[i]);
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
