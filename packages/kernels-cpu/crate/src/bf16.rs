//! The gradients of a quantized linear layer by dot products of bfloat16 pairs, with sums in float32: twice the
//! multiply-adds of float32.
//!
//! The integers of the weight and of the activations, at most 255 away from zero, are exact in bfloat16, and the scales
//! are applied in float32, so that one thing alone is rounded: the incoming gradient, to 8 significant bits.

use crate::cpu_path::{CpuPath, cpu_path};
use crate::int8_dot::{Dot, Line, PANEL, Pass, ROWS};
use crate::lines::Lines;
use crate::quantize::{integer_steps, mask_block, quantize_row};
use crate::settings::setting;
use crate::threads::{Floats, Shared, block_range, for_each};
use napi_derive::napi;
use std::cell::RefCell;
use std::ops::Range;

/// Steps along the sum of a block: the panels of one pass take three quarters of a 32 KiB cache.
const DEPTH_BLOCK: usize = 96;

/// Columns that are packed at a time.
const PACK_COLUMNS: usize = 8 * PANEL;

/// Panels whose sums a task holds at a time.
const STRIP_PANELS: usize = 24;

/// Words of packed rows that a task aims for: a share of the second-level cache, beside the sums.
const LEFT_WORDS: usize = 64 * 1024;

/// Rows of a task at most.
const TASK_ROWS: usize = 16 * ROWS;

/// The bfloat16 next to a float, half to even.
#[inline(always)]
fn rounded(x: f32) -> u32 {
    let bits = x.to_bits();
    // A sum in place of NaN's bits might come out as a number.
    if x.is_nan() {
        0x7fc0
    } else {
        (bits + 0x7fff + (bits >> 16 & 1)) >> 16
    }
}

/// The two bfloat16 of a step along the sum.
#[inline(always)]
fn pair(first: u32, second: u32) -> i32 {
    (first | second << 16) as i32
}

/// Whether this CPU multiplies bfloat16 on the path in use.
fn has_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    let available = matches!(cpu_path(), Ok(CpuPath::Avx512Vnni | CpuPath::Avx512))
        && is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    let available = false;
    available
}

/// What the gradients of quantized linear layers are multiplied in: `SDQ_GRADIENTS`, float32 unless set. The error
/// says what to change.
pub fn gradients() -> Result<&'static str, String> {
    match setting("SDQ_GRADIENTS").as_deref() {
        None | Some("float32") => Ok("float32"),
        Some("bfloat16") if has_bf16() => Ok("bfloat16"),
        Some("bfloat16") => Err(
            "SDQ_GRADIENTS=bfloat16, but this CPU lacks avx512bf16, or SDQ_CPU_PATH forbids it: unset it."
                .to_owned(),
        ),
        Some(other) => Err(format!(
            "SDQ_GRADIENTS={other} is no type: choose float32 or bfloat16, or unset it."
        )),
    }
}

/// A matrix [2 * pairs, n] as panels: [n / 16][pairs] lines of 16 columns, padded with zeros.
struct Panels {
    lines: Lines,
    pairs: usize,
    n: usize,
}

impl Panels {
    /// Of a matrix [depth, n]; `write(row, columns, values)` gives some columns of a row as integers in floats.
    fn new(depth: usize, n: usize, write: impl Fn(usize, Range<usize>, &mut [f32]) + Sync) -> Self {
        let pairs = depth.div_ceil(2);
        let mut lines = Lines::zeros(n.div_ceil(PANEL) * pairs);
        let shared = Shared::new(lines.as_mut_slice());
        for_each(n.div_ceil(PACK_COLUMNS), |block| {
            let columns = block_range(block, PACK_COLUMNS, n);
            let count = columns.len().div_ceil(PANEL);
            let first = columns.start / PANEL * pairs;
            // SAFETY: blocks do not overlap.
            let lines = unsafe { shared.part(first..first + count * pairs) };
            let (mut even, mut odd) = ([0f32; PACK_COLUMNS], [0f32; PACK_COLUMNS]);
            for at in 0..pairs {
                write(2 * at, columns.clone(), &mut even[..columns.len()]);
                if 2 * at + 1 < depth {
                    write(2 * at + 1, columns.clone(), &mut odd[..columns.len()]);
                } else {
                    odd.fill(0.0);
                }
                pack_pairs(&even[..count * PANEL], &odd[..count * PANEL], at, pairs, lines);
            }
        });
        Panels { lines, pairs, n }
    }
}

#[derive(Default)]
struct Scratch {
    left: Vec<i32>,
    sums: Vec<f32>,
}

/// The product of m rows with the panels. `pack(rows, left)` writes the rows' words, [pairs][rows] for each group of
/// ROWS of them; `finish(row, columns, sums)` gets each sum once. The order of additions is the same however many
/// threads there are.
fn multiply<D: Dot>(
    m: usize,
    panels: &Panels,
    pack: impl Fn(Range<usize>, &mut [i32]) + Sync,
    finish: impl Fn(usize, Range<usize>, &mut [f32]) + Sync,
) {
    thread_local! {
        static SCRATCH: RefCell<Scratch> = const { RefCell::new(Scratch { left: Vec::new(), sums: Vec::new() }) };
    }
    let pairs = panels.pairs;
    let rows = (LEFT_WORDS / pairs.max(1)).clamp(2 * ROWS, TASK_ROWS) / ROWS * ROWS;
    for_each(m.div_ceil(rows), |task| {
        let rows = block_range(task, rows, m);
        SCRATCH.with_borrow_mut(|Scratch { left, sums }| {
            left.resize(left.len().max(rows.len() * pairs), 0);
            pack(rows.clone(), &mut left[..rows.len() * pairs]);
            let all = panels.n.div_ceil(PANEL);
            for strip in 0..all.div_ceil(STRIP_PANELS) {
                let strip = block_range(strip, STRIP_PANELS, all);
                let width = strip.len() * PANEL;
                sums.resize(sums.len().max(rows.len() * width), 0.0);
                let sums = &mut sums[..rows.len() * width];
                if pairs == 0 {
                    sums.fill(0.0);
                }
                multiply_strip::<D>(left, rows.len(), panels, strip.clone(), sums);
                let columns = strip.start * PANEL..(strip.end * PANEL).min(panels.n);
                for (row, sums) in rows.clone().zip(sums.chunks_exact_mut(width)) {
                    finish(row, columns.clone(), &mut sums[..columns.len()]);
                }
            }
        });
    });
}

/// Adds the products of the packed rows with a strip of panels to sums [rows, columns of the strip].
fn multiply_strip<D: Dot>(left: &[i32], rows: usize, panels: &Panels, strip: Range<usize>, sums: &mut [f32]) {
    let pairs = panels.pairs;
    let width = strip.len() * PANEL;
    for block in 0..pairs.div_ceil(DEPTH_BLOCK) {
        let depth = block_range(block, DEPTH_BLOCK, pairs);
        for group in 0..strip.len().div_ceil(D::GROUP) {
            let group = block_range(group, D::GROUP, strip.len());
            let start = (strip.start + group.start) * pairs;
            let right = &panels.lines.as_slice()[start..start + group.len() * pairs][depth.start..];
            for first in (0..rows).step_by(ROWS) {
                let count = ROWS.min(rows - first);
                let words = &left[first * pairs + depth.start * count..];
                let sums = &mut sums[first * width + group.start * PANEL..];
                assert!(words.len() >= depth.len() * count);
                assert!(right.len() >= (group.len() - 1) * pairs + depth.len());
                assert!(sums.len() >= (count - 1) * width + group.len() * PANEL);
                let pass = Pass {
                    left: words.as_ptr(),
                    left_row: 1,
                    left_step: count,
                    right: right.as_ptr(),
                    panel_step: pairs,
                    steps: depth.len(),
                    // The sums of these products are floats of the same size.
                    sums: sums.as_mut_ptr().cast(),
                    row_step: width,
                    accumulate: block > 0,
                };
                // SAFETY: the asserts above; `multiply`'s callers see that the CPU has the instructions of D.
                unsafe { D::run(&pass, count, group.len()) };
            }
        }
    }
}

/// The product with the instructions of the CPU, or with plain code of the same result to float rounding.
fn multiply_here(
    m: usize,
    panels: &Panels,
    pack: impl Fn(Range<usize>, &mut [i32]) + Sync,
    finish: impl Fn(usize, Range<usize>, &mut [f32]) + Sync,
) {
    #[cfg(target_arch = "x86_64")]
    if has_bf16() {
        return multiply::<crate::bf16_x86::Avx512Bf16>(m, panels, pack, finish);
    }
    multiply::<Plain>(m, panels, pack, finish);
}

#[inline(always)]
fn words_along_row_body<const FMA: bool>(dy: &[f32], scales: &[f32], words: &mut [i32]) {
    let (dy, rest) = dy.as_chunks::<2>();
    let (scales, rest_scales) = scales.as_chunks::<2>();
    for ((word, dy), scales) in words.iter_mut().zip(dy).zip(scales) {
        *word = pair(rounded(dy[0] * scales[0]), rounded(dy[1] * scales[1]));
    }
    if let ([dy], [scale], Some(word)) = (rest, rest_scales, words.last_mut()) {
        *word = pair(rounded(dy * scale), 0);
    }
}

#[inline(always)]
fn words_of_rows_body<const FMA: bool>(first: &[f32], second: &[f32], words: &mut [i32]) {
    for ((word, &first), &second) in words.iter_mut().zip(first).zip(second) {
        *word = pair(rounded(first), rounded(second));
    }
}

/// Line `at` of each panel of `pairs` lines: two rows of integers, which the upper halves of their floats hold.
#[inline(always)]
fn pack_pairs_body<const FMA: bool>(even: &[f32], odd: &[f32], at: usize, pairs: usize, lines: &mut [Line]) {
    let (even, odd) = (even.as_chunks::<PANEL>().0, odd.as_chunks::<PANEL>().0);
    for ((line, even), odd) in lines[at..].iter_mut().step_by(pairs).zip(even).zip(odd) {
        for ((bytes, even), odd) in line.0.as_chunks_mut::<4>().0.iter_mut().zip(even).zip(odd) {
            *bytes = pair(even.to_bits() >> 16, odd.to_bits() >> 16)
                .to_ne_bytes()
                .map(|byte| byte as i8);
        }
    }
}

per_path! {
    fn pack_pairs(even: &[f32], odd: &[f32], at: usize, pairs: usize, lines: &mut [Line]) = pack_pairs_body
}
per_path! { fn words_along_row(dy: &[f32], scales: &[f32], words: &mut [i32]) = words_along_row_body }
per_path! { fn words_of_rows(first: &[f32], second: &[f32], words: &mut [i32]) = words_of_rows_body }

/// Where the word of step `at` of row `row` lies among packed rows.
#[inline(always)]
fn place(row: usize, at: usize, rows: usize, pairs: usize) -> usize {
    let first = row / ROWS * ROWS;
    first * pairs + at * ROWS.min(rows - first) + row % ROWS
}

/// dx [m, k] = dy [m, n] times the weight [n, k] on its rows' grids of `levels` steps to either side, and 0 where x
/// [m, k] does not round into its grid.
#[napi(catch_unwind)]
pub fn quantized_linear_grad_input_bf16(
    dy: &[f32],
    x: &[f32],
    weight: &[f32],
    levels: f64,
    scale: f64,
    low: f64,
    high: f64,
    dx: Floats,
    m: u32,
    n: u32,
    k: u32,
) {
    let (m, n, k) = (m as usize, n as usize, k as usize);
    assert!(
        dy.len() == m * n && x.len() == m * k && weight.len() == n * k && dx.len() == m * k,
        "the arrays do not fit together"
    );
    let mut scales = vec![0f32; n];
    let mut integers = vec![0i8; n * k];
    {
        let (scales, integers) = (Shared::new(&mut scales), Shared::new(&mut integers));
        for_each(n, |row| {
            let range = row * k..(row + 1) * k;
            // SAFETY: each row is written once.
            let (scale, out) = unsafe { (scales.part(row..row + 1), integers.part(range.clone())) };
            scale[0] = quantize_row(&weight[range], levels as f32, out);
        });
    }
    let panels = Panels::new(n, k, |row, columns, out| {
        let integers = &integers[row * k + columns.start..row * k + columns.end];
        for (out, &integer) in out.iter_mut().zip(integers) {
            *out = f32::from(integer);
        }
    });
    let target = Shared::new(dx);
    multiply_here(
        m,
        &panels,
        |rows, left| {
            let count = rows.len();
            let mut words = vec![0i32; panels.pairs];
            for row in rows.clone() {
                words_along_row(&dy[row * n..(row + 1) * n], &scales, &mut words);
                for (at, &word) in words.iter().enumerate() {
                    left[place(row - rows.start, at, count, panels.pairs)] = word;
                }
            }
        },
        |row, columns, sums| {
            let range = row * k + columns.start..row * k + columns.end;
            // SAFETY: each sum is handed over once.
            let dx = unsafe { target.part(range.clone()) };
            dx.copy_from_slice(sums);
            mask_block(&x[range], scale as f32, low as f32, high as f32, dx);
        },
    );
}

/// dw [n, k] = dy^T [n, m] times x [m, k] on its grid.
#[napi(catch_unwind)]
pub fn quantized_linear_grad_weight_bf16(
    dy: &[f32],
    x: &[f32],
    scale: f64,
    low: f64,
    high: f64,
    dw: Floats,
    m: u32,
    n: u32,
    k: u32,
) {
    let (m, n, k) = (m as usize, n as usize, k as usize);
    assert!(
        dy.len() == m * n && x.len() == m * k && dw.len() == n * k,
        "the arrays do not fit together"
    );
    let (scale, low, high) = (scale as f32, low as f32, high as f32);
    let panels = Panels::new(m, k, |row, columns, out| {
        integer_steps(
            &x[row * k + columns.start..row * k + columns.end],
            scale,
            low,
            high,
            out,
        );
    });
    let target = Shared::new(dw);
    let none = vec![0f32; n];
    multiply_here(
        n,
        &panels,
        |rows, left| {
            let count = rows.len();
            let mut words = [0i32; TASK_ROWS];
            let part = |row: usize| match row < m {
                true => &dy[row * n + rows.start..row * n + rows.end],
                false => &none[rows.clone()],
            };
            for at in 0..panels.pairs {
                words_of_rows(part(2 * at), part(2 * at + 1), &mut words[..count]);
                for (group, words) in words[..count].chunks(ROWS).enumerate() {
                    let start = place(group * ROWS, at, count, panels.pairs);
                    left[start..start + words.len()].copy_from_slice(words);
                }
            }
        },
        |row, columns, sums| {
            // SAFETY: each sum is handed over once.
            let dw = unsafe { target.part(row * k + columns.start..row * k + columns.end) };
            for (dw, &sum) in dw.iter_mut().zip(sums.iter()) {
                *dw = sum * scale;
            }
        },
    );
}

/// What vdpbf16ps computes, in plain code.
struct Plain;

impl Dot for Plain {
    type Vector = [f32; PANEL];
    const LANES: usize = PANEL;
    const GROUP: usize = 4;
    const WORDS: usize = 1;

    #[inline(always)]
    unsafe fn splat(word: i32) -> [f32; PANEL] {
        [f32::from_bits(word as u32); PANEL]
    }

    #[inline(always)]
    unsafe fn load(from: *const i32) -> [f32; PANEL] {
        // SAFETY: the caller's promise.
        unsafe { from.cast::<[f32; PANEL]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(vector: [f32; PANEL], to: *mut i32) {
        // SAFETY: the caller's promise.
        unsafe { to.cast::<[f32; PANEL]>().write_unaligned(vector) }
    }

    #[inline(always)]
    unsafe fn add(a: [f32; PANEL], b: [f32; PANEL]) -> [f32; PANEL] {
        std::array::from_fn(|i| a[i] + b[i])
    }

    #[inline(always)]
    unsafe fn add_dot(sums: [f32; PANEL], left: [f32; PANEL], right: [f32; PANEL]) -> [f32; PANEL] {
        let high = |x: f32| f32::from_bits(x.to_bits() & 0xffff_0000);
        let low = |x: f32| f32::from_bits(x.to_bits() << 16);
        std::array::from_fn(|i| {
            let (left, right) = (left[i], right[i]);
            sums[i] + high(left) * high(right) + low(left) * low(right)
        })
    }

    unsafe fn run(pass: &Pass, rows: usize, panels: usize) {
        // SAFETY: the caller's promise; plain code runs on any CPU.
        unsafe { crate::int8_dot::run_pass::<Self>(pass, rows, panels) }
    }

    unsafe fn chains(steps: usize) -> i32 {
        // SAFETY: plain code runs on any CPU.
        unsafe { crate::int8_dot::run_chains::<Self>(steps) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(seed: u64, count: usize) -> Vec<f32> {
        let mut state = seed;
        (0..count)
            .map(|_| {
                state = state
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
            })
            .collect()
    }

    /// The product of rounded left values, in float64.
    fn exact(left: &[f32], right: &[f32], (m, n, depth): (usize, usize, usize)) -> Vec<f64> {
        let bf16 = |x: f32| f64::from(f32::from_bits(rounded(x) << 16));
        (0..m * n)
            .map(|at| {
                (0..depth)
                    .map(|d| bf16(left[at / n * depth + d]) * f64::from(right[d * n + at % n]))
                    .sum()
            })
            .collect()
    }

    fn check<D: Dot>(shape: (usize, usize, usize)) {
        let (m, n, depth) = shape;
        let left = random(1, m * depth);
        let right: Vec<f32> = random(2, depth * n).iter().map(|x| (255.0 * x).round()).collect();
        let panels = Panels::new(depth, n, |row, columns, out| {
            out.copy_from_slice(&right[row * n + columns.start..row * n + columns.end]);
        });
        let mut out = vec![f32::NAN; m * n];
        let target = Shared::new(&mut out);
        let ones = vec![1f32; depth];
        multiply::<D>(
            m,
            &panels,
            |rows, words| {
                let mut row_words = vec![0; panels.pairs];
                for row in rows.clone() {
                    words_along_row(&left[row * depth..(row + 1) * depth], &ones, &mut row_words);
                    for (at, &word) in row_words.iter().enumerate() {
                        words[place(row - rows.start, at, rows.len(), panels.pairs)] = word;
                    }
                }
            },
            // SAFETY: each sum is handed over once.
            |row, columns, sums| {
                unsafe { target.part(row * n + columns.start..row * n + columns.end) }.copy_from_slice(sums)
            },
        );
        // The largest sum of magnitudes that float32 rounds.
        let bound = 255.0 * depth as f64 * 2e-7 + 1e-6;
        for (ours, exact) in out.iter().zip(exact(&left, &right, shape)) {
            assert!(
                (f64::from(*ours) - exact).abs() <= bound,
                "{shape:?}: {ours} for {exact}"
            );
        }
    }

    const SHAPES: [(usize, usize, usize); 9] = [
        (1, 1, 1),
        (6, 16, 2),
        (7, 17, 3),
        (13, 63, 31),
        (97, 385, 193),
        (5, 400, 1027),
        (193, 65, 64),
        (1, 500, 385),
        (0, 5, 7),
    ];

    #[test]
    fn plain_products_are_those_of_float64() {
        SHAPES.map(check::<Plain>);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn products_of_the_instruction_are_those_of_float64() {
        if is_x86_feature_detected!("avx512bf16") {
            SHAPES.map(check::<crate::bf16_x86::Avx512Bf16>);
        } else {
            eprintln!("SKIPPED: this CPU has no avx512bf16");
        }
    }

    #[test]
    fn rounds_half_to_even_and_keeps_what_is_not_finite() {
        let to_float = |x: f32| f32::from_bits(rounded(x) << 16);
        assert_eq!(to_float(1.0 + 1.0 / 256.0), 1.0);
        assert_eq!(to_float(1.0 + 3.0 / 256.0), 1.0 + 2.0 / 128.0);
        assert_eq!(to_float(-1.0 - 1.01 / 256.0), -1.0 - 1.0 / 128.0);
        assert_eq!(to_float(f32::INFINITY), f32::INFINITY);
        assert!(to_float(f32::from_bits(0x7fff_ffff)).is_nan());
        assert!((-255..=255).all(|integer| to_float(integer as f32) == integer as f32));
    }

    /// Prints the speed beside float32's: `cargo test --release -- --ignored --nocapture bf16`.
    #[test]
    #[ignore = "a measurement"]
    fn speed() {
        let best = |job: &mut dyn FnMut()| {
            (0..9)
                .map(|_| {
                    let start = std::time::Instant::now();
                    job();
                    start.elapsed().as_secs_f64()
                })
                .fold(f64::INFINITY, f64::min)
        };
        for (m, n, k) in [
            (2048, 384, 384),
            (2048, 1536, 384),
            (2048, 384, 1536),
            (2048, 3072, 768),
        ] {
            let (dy, x, weight) = (random(1, m * n), random(2, m * k), random(3, n * k));
            let (mut dx, mut dw) = (vec![0f32; m * k], vec![0f32; n * k]);
            let (m32, n32, k32) = (m as u32, n as u32, k as u32);
            let times = [
                best(&mut || {
                    quantized_linear_grad_input_bf16(
                        &dy, &x, &weight, 127.0, 0.01, -128.0, 127.0, &mut dx, m32, n32, k32,
                    )
                }),
                best(&mut || {
                    quantized_linear_grad_weight_bf16(&dy, &x, 0.01, -128.0, 127.0, &mut dw, m32, n32, k32)
                }),
                best(&mut || crate::linear::linear_grad_input(&dy, &weight, &mut dx, m32, n32, k32)),
                best(&mut || crate::linear::linear_grad_weight(&dy, &x, &mut dw, m32, n32, k32)),
            ];
            let rates = times.map(|seconds| format!("{:.0}", 2.0 * (m * n * k) as f64 / seconds / 1e9));
            println!(
                "{m} x {n} x {k}: bf16 input, weight, f32 input, weight {} GFLOP/s",
                rates.join(" ")
            );
        }
    }
}
