//! Products of unsigned and signed bytes with exact 32-bit sums.
//!
//! A weight is packed once, in panels of 16 columns with four values along k side by side (`int8_dot::Line`), which
//! is what the dot-product instructions read. A product is cut into tasks of some rows and columns; a task packs its
//! rows for the nearest caches, computes strips of columns and hands each finished strip to the caller's epilogue.

use crate::cpu_path::{CpuPath, cpu_path};
use crate::int8_dot::{CHAINS, Dot, Line, PANEL, Pass, Plain, ROWS};
#[cfg(target_arch = "x86_64")]
use crate::int8_x86::{Avx2, Avx512Vnni, AvxVnni};
use crate::lines::Lines;
use crate::threads::{Shared, block_range, for_each, thread_count};
use std::cell::Cell;
use std::ops::Range;

/// The largest k: sums of 255 * 128 * k, and their correction by a zero point, stay within 32 bits.
pub const MAX_DEPTH: usize = 32_768;

/// Values along k of a block: with 16-bit words, a panel of it takes half of a 32 KiB cache.
const DEPTH_BLOCK: usize = 384;

/// Columns whose sums a task holds at a time.
const STRIP: usize = 384;

/// Bytes of packed rows that a task aims for: a share of the second-level cache, beside the sums.
const LEFT_BYTES: usize = 192 * 1024;

/// Rows of a task at most.
const TASK_ROWS: usize = 16 * ROWS;

/// Products of two numbers for which another task is worth its cost.
const TASK_PRODUCTS: usize = 256 * 1024;

/// A weight [n, k] of signed bytes in panels: [n / 16][k / 4] lines of [16 columns][4 values], padded with zeros.
pub struct PackedWeight {
    lines: Lines,
    row_sums: Vec<i32>,
    n: usize,
    k: usize,
}

impl PackedWeight {
    /// Packs `values` [n, k]; panics when k is over `MAX_DEPTH`.
    pub fn new(values: &[i8], n: usize, k: usize) -> Self {
        assert_eq!(values.len(), n * k, "the weight's length is not its shape's");
        let mut weight = PackedWeight::zeros(n, k);
        weight.fill(|row, out| out.copy_from_slice(&values[row * k..(row + 1) * k]));
        weight
    }

    /// A weight of zeros, for `fill`; panics when k is over `MAX_DEPTH`.
    pub fn zeros(n: usize, k: usize) -> Self {
        assert!(k <= MAX_DEPTH, "a product of more than 32768 values may overflow");
        PackedWeight {
            lines: Lines::zeros(n.div_ceil(PANEL) * k.div_ceil(4)),
            row_sums: vec![0; n],
            n,
            k,
        }
    }

    /// Replaces the values: `write_row` gets the number of a row, and its k places to write.
    pub fn fill(&mut self, write_row: impl Fn(usize, &mut [i8]) + Send + Sync) {
        let (n, k, quads) = (self.n, self.k, self.k.div_ceil(4));
        let lines = Shared::new(self.lines.as_mut_slice());
        let sums = Shared::new(&mut self.row_sums);
        for_each(n.div_ceil(PANEL), |panel| {
            let rows = block_range(panel, PANEL, n);
            // SAFETY: panels do not overlap.
            let (lines, sums) = unsafe {
                (
                    lines.part(panel * quads..(panel + 1) * quads),
                    sums.part(rows.clone()),
                )
            };
            with_scratch(|scratch| {
                let values = grow(&mut scratch.row, 4 * quads, 0);
                values[k..].fill(0);
                for (column, row) in rows.enumerate() {
                    write_row(row, &mut values[..k]);
                    sums[column] = values.iter().map(|&value| i32::from(value)).sum();
                    for (line, quad) in lines.iter_mut().zip(values.chunks_exact(4)) {
                        line.0[4 * column..4 * column + 4].copy_from_slice(quad);
                    }
                }
            });
        });
    }

    /// Rows of the weight, columns of the product.
    pub fn n(&self) -> usize {
        self.n
    }

    pub fn k(&self) -> usize {
        self.k
    }

    /// [n]: the sum of each row, by which a zero point of the activations is taken off.
    pub fn row_sums(&self) -> &[i32] {
        &self.row_sums
    }
}

/// sums[i, j] = sum_k x[i, k] weight[j, k] for x [m, k], exactly.
///
/// `epilogue` gets each finished tile once, on the thread that computed it: its rows, its columns and its sums,
/// row by row without gaps. Tiles cover the product and do not overlap; how it is cut may depend on the number of
/// threads.
pub fn multiply(
    x: &[u8],
    m: usize,
    weight: &PackedWeight,
    epilogue: impl Fn(Range<usize>, Range<usize>, &[i32]) + Send + Sync,
) {
    let path = cpu_path().unwrap_or(CpuPath::Portable);
    multiply_on(path, x, m, weight, epilogue);
}

/// `multiply` with the instructions of one path, which the CPU must have.
fn multiply_on(
    path: CpuPath,
    x: &[u8],
    m: usize,
    weight: &PackedWeight,
    epilogue: impl Fn(Range<usize>, Range<usize>, &[i32]) + Send + Sync,
) {
    assert!(path.is_available(), "this CPU lacks the instructions of the path");
    match path {
        #[cfg(target_arch = "x86_64")]
        CpuPath::Avx512Vnni => multiply_with::<Avx512Vnni>(x, m, weight, epilogue),
        #[cfg(target_arch = "x86_64")]
        CpuPath::AvxVnni => multiply_with::<AvxVnni>(x, m, weight, epilogue),
        #[cfg(target_arch = "x86_64")]
        CpuPath::Avx512 | CpuPath::Avx2 => multiply_with::<Avx2>(x, m, weight, epilogue),
        _ => multiply_with::<Plain<8>>(x, m, weight, epilogue),
    }
}

/// Dot products from registers alone on the path in use, `steps` on each of some sums; the multiply-adds of bytes made.
pub fn dot_chains(steps: usize) -> usize {
    chains_on(cpu_path().unwrap_or(CpuPath::Portable), steps).1
}

/// What the chains of one path, which the CPU must have, sum up to, and the multiply-adds made.
fn chains_on(path: CpuPath, steps: usize) -> (i32, usize) {
    assert!(path.is_available(), "this CPU lacks the instructions of the path");
    fn with<D: Dot>(steps: usize) -> (i32, usize) {
        // SAFETY: the assertion above.
        let sum = std::hint::black_box(unsafe { D::chains(steps) });
        (sum, steps * CHAINS * D::LANES * 4 / D::WORDS)
    }
    match path {
        #[cfg(target_arch = "x86_64")]
        CpuPath::Avx512Vnni => with::<Avx512Vnni>(steps),
        #[cfg(target_arch = "x86_64")]
        CpuPath::AvxVnni => with::<AvxVnni>(steps),
        #[cfg(target_arch = "x86_64")]
        CpuPath::Avx512 | CpuPath::Avx2 => with::<Avx2>(steps),
        _ => with::<Plain<8>>(steps),
    }
}

fn multiply_with<D: Dot>(
    x: &[u8],
    m: usize,
    weight: &PackedWeight,
    epilogue: impl Fn(Range<usize>, Range<usize>, &[i32]) + Send + Sync,
) {
    assert_eq!(x.len(), m * weight.k, "the input's length is not its shape's");
    if m == 0 || weight.n == 0 {
        return;
    }
    let (rows, panels) = cut::<D>(m, weight, thread_count());
    let all_panels = weight.n.div_ceil(PANEL);
    let across = all_panels.div_ceil(panels);
    for_each(m.div_ceil(rows) * across, |index| {
        let rows = block_range(index / across, rows, m);
        let panels = block_range(index % across, panels, all_panels);
        with_scratch(|scratch| run_task::<D>(x, weight, rows, panels, scratch, &epilogue));
    });
}

/// The rows and panels of a task.
fn cut<D: Dot>(m: usize, weight: &PackedWeight, threads: usize) -> (usize, usize) {
    let row_bytes = (weight.k.div_ceil(4) * D::WORDS * size_of::<i32>()).max(1);
    let most_rows = (LEFT_BYTES / row_bytes).clamp(2 * ROWS, TASK_ROWS) / ROWS * ROWS;
    let panels = weight.n.div_ceil(PANEL);
    let worth = (m * weight.n * weight.k / TASK_PRODUCTS).clamp(1, 2 * threads);
    let mut down = m.div_ceil(most_rows);
    if down >= worth {
        // As many tasks on each thread.
        down = down.next_multiple_of(threads);
        return (m.div_ceil(down).next_multiple_of(ROWS), panels);
    }
    let across = worth.div_ceil(down).min(panels);
    (m.div_ceil(down).next_multiple_of(ROWS), panels.div_ceil(across))
}

/// Buffers of one thread, which grow and stay.
#[derive(Default)]
struct Scratch {
    /// A row of a weight that is being packed.
    row: Vec<i8>,
    /// The rows of a task: [rows / ROWS][k / 4 * WORDS][ROWS] words; the last group has as many rows as are left.
    left: Vec<i32>,
    /// A block of a panel in 16-bit numbers.
    right: Vec<Line>,
    /// [rows][columns of a strip, whole panels]
    sums: Vec<i32>,
}

/// Runs `job` with this thread's buffers. They are taken out meanwhile: a job that waits for others may run one more
/// job on the same thread, which then makes its own.
fn with_scratch(job: impl FnOnce(&mut Scratch)) {
    thread_local! {
        static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
    }
    let mut scratch = SCRATCH.take().unwrap_or_default();
    job(&mut scratch);
    SCRATCH.set(Some(scratch));
}

/// The first `length` elements of a buffer that is made longer when it has to be.
fn grow<T: Copy>(buffer: &mut Vec<T>, length: usize, value: T) -> &mut [T] {
    if buffer.len() < length {
        buffer.resize(length, value);
    }
    &mut buffer[..length]
}

fn run_task<D: Dot>(
    x: &[u8],
    weight: &PackedWeight,
    rows: Range<usize>,
    panels: Range<usize>,
    scratch: &mut Scratch,
    epilogue: &impl Fn(Range<usize>, Range<usize>, &[i32]),
) {
    let k = weight.k;
    let quads = k.div_ceil(4);
    let steps = quads * D::WORDS;
    let x = &x[rows.start * k..rows.end * k];
    // Whole words of four bytes are read where they are; the others are packed.
    let packed = D::WORDS > 1 || !k.is_multiple_of(4);
    if packed {
        let left = grow(&mut scratch.left, rows.len() * steps, 0);
        for (x, left) in x
            .chunks(ROWS * k.max(1))
            .zip(left.chunks_mut(ROWS * steps.max(1)))
        {
            pack_rows::<D>(x, k, left);
        }
    }
    let strip_panels = STRIP / PANEL;
    for strip in 0..panels.len().div_ceil(strip_panels) {
        let strip = block_range(strip, strip_panels, panels.len());
        let strip = panels.start + strip.start..panels.start + strip.end;
        let columns = strip.start * PANEL..(strip.end * PANEL).min(weight.n);
        let width = strip.len() * PANEL;
        let sums = grow(&mut scratch.sums, rows.len() * width, 0);
        if k == 0 {
            sums.fill(0);
        }
        for block in 0..k.div_ceil(DEPTH_BLOCK) {
            let depth = block_range(block, DEPTH_BLOCK / 4, quads);
            for group in 0..strip.len().div_ceil(D::GROUP) {
                let group = block_range(group, D::GROUP, strip.len());
                let start = (strip.start + group.start) * quads;
                let lines = &weight.lines.as_slice()[start..start + group.len() * quads];
                // The block of each panel, widened where the instructions want it.
                let right = if D::WORDS == 1 {
                    &lines[depth.start..]
                } else {
                    let right = grow(&mut scratch.right, depth.len() * D::WORDS, Line::ZERO);
                    // SAFETY: the CPU has the instructions of D.
                    unsafe { D::widen(&lines[depth.clone()], right) };
                    &right[..]
                };
                for first in (0..rows.len()).step_by(ROWS) {
                    let count = ROWS.min(rows.len() - first);
                    let begin = depth.start * D::WORDS;
                    let taken = depth.len() * D::WORDS;
                    let (left, left_row, left_step) = if packed {
                        let words = &scratch.left[first * steps + begin * count..];
                        assert!(words.len() >= taken * count);
                        (words.as_ptr(), 1, count)
                    } else {
                        let words = &x[first * k + 4 * begin..];
                        assert!(words.len() >= (count - 1) * k + 4 * taken);
                        (words.as_ptr().cast(), k / 4, 1)
                    };
                    let sums = &mut sums[first * width + group.start * PANEL..];
                    assert!(right.len() >= (group.len() - 1) * quads + taken);
                    assert!(sums.len() >= (count - 1) * width + group.len() * PANEL);
                    let pass = Pass {
                        left,
                        left_row,
                        left_step,
                        right: right.as_ptr(),
                        panel_step: quads,
                        steps: taken,
                        sums: sums.as_mut_ptr(),
                        row_step: width,
                        accumulate: block > 0,
                    };
                    // SAFETY: the asserts above; the CPU has the instructions of D.
                    unsafe { D::run(&pass, count, group.len()) };
                }
            }
        }
        if columns.len() < width {
            for row in 1..rows.len() {
                sums.copy_within(row * width..row * width + columns.len(), row * columns.len());
            }
        }
        let tile = &sums[..rows.len() * columns.len()];
        epilogue(rows.clone(), columns, tile);
    }
}

/// left [k / 4 * WORDS][rows] = the words of x [rows, k].
fn pack_rows<D: Dot>(x: &[u8], k: usize, left: &mut [i32]) {
    let rows = x.len().checked_div(k).unwrap_or(0);
    for (row, x) in x.chunks_exact(k.max(1)).enumerate() {
        let words = left[row..].chunks_mut(rows * D::WORDS);
        let mut tail = [0; 4];
        let quads = x.chunks_exact(4);
        tail[..quads.remainder().len()].copy_from_slice(quads.remainder());
        let quads = quads.map(|quad| i32::from_ne_bytes([quad[0], quad[1], quad[2], quad[3]]));
        for (words, quad) in words.zip(quads.chain([i32::from_ne_bytes(tail)])) {
            if D::WORDS == 1 {
                words[0] = quad;
            } else {
                words[0] = quad & 0x00ff_00ff;
                words[rows] = (quad >> 8) & 0x00ff_00ff;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 = self
                .0
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            self.0 >> 33
        }

        fn below(&mut self, bound: usize) -> usize {
            self.next() as usize % bound
        }
    }

    fn naive(x: &[u8], w: &[i8], m: usize, n: usize, k: usize) -> Vec<i32> {
        (0..m * n)
            .map(|at| {
                let (x, w) = (&x[at / n * k..][..k], &w[at % n * k..][..k]);
                x.iter().zip(w).map(|(&x, &w)| i32::from(x) * i32::from(w)).sum()
            })
            .collect()
    }

    type Multiply =
        fn(&[u8], usize, &PackedWeight, &(dyn Fn(Range<usize>, Range<usize>, &[i32]) + Send + Sync));

    fn product(multiply: Multiply, x: &[u8], weight: &PackedWeight, m: usize) -> Vec<i32> {
        let n = weight.n();
        // Each place is written once: it starts out as a value that no sum has.
        let out = Mutex::new(vec![i32::MIN; m * n]);
        multiply(x, m, weight, &|rows, columns, sums| {
            assert_eq!(sums.len(), rows.len() * columns.len());
            let mut out = out.lock().unwrap();
            for (row, sums) in rows.zip(sums.chunks_exact(columns.len())) {
                let out = &mut out[row * n..][columns.clone()];
                assert!(out.iter().all(|&sum| sum == i32::MIN));
                out.copy_from_slice(sums);
            }
        });
        out.into_inner().unwrap()
    }

    fn check_shape(multiply: Multiply, random: &mut Random, (m, n, k): (usize, usize, usize)) {
        let x: Vec<u8> = (0..m * k).map(|_| random.next() as u8).collect();
        let w: Vec<i8> = (0..n * k).map(|_| random.next() as i8).collect();
        let weight = PackedWeight::new(&w, n, k);
        let row_sums: Vec<i32> = (0..n)
            .map(|j| w[j * k..(j + 1) * k].iter().map(|&w| i32::from(w)).sum())
            .collect();
        assert_eq!(weight.row_sums(), row_sums);
        let exact = naive(&x, &w, m, n, k);
        assert!(product(multiply, &x, &weight, m) == exact, "{m} x {n} x {k}");
    }

    /// Shapes around the sizes of blocks, random ones, and the largest sum.
    fn check(multiply: Multiply) {
        let mut random = Random(1);
        for shape in [
            (0, 5, 7),
            (5, 0, 7),
            (5, 7, 0),
            (1, 1, 1),
            (6, 16, 4),
            (7, 17, 5),
            (13, 63, 31),
            (5, 384, 512),
            (97, 385, 513),
            (193, 65, 1027),
            (1, 500, 1500),
            (300, 33, 9),
        ] {
            check_shape(multiply, &mut random, shape);
        }
        for _ in 0..200 {
            let shape = (random.below(40), random.below(150), random.below(1200));
            check_shape(multiply, &mut random, shape);
        }
        let lowest = PackedWeight::new(&vec![-128; 2 * MAX_DEPTH], 2, MAX_DEPTH);
        let x = vec![255; MAX_DEPTH];
        assert_eq!(product(multiply, &x, &lowest, 1), [-255 * 128 * 32_768; 2]);
    }

    #[test]
    fn chains_are_dot_products() {
        let expected: i32 = (0..CHAINS as i32)
            .map(|start| {
                (0..5).fold(start, |sum, _| {
                    let products = sum.to_ne_bytes().into_iter().zip([4, 3, 2, 1]);
                    sum.wrapping_add(products.map(|(left, right)| i32::from(left) * right).sum())
                })
            })
            .fold(0, |a, b| a.wrapping_add(b.wrapping_mul(8)));
        assert_eq!(chains_on(CpuPath::Portable, 5), (expected, 5 * CHAINS * 8 * 4));
        // Those of 512 bits have twice as many lanes; 16-bit pairs are other products, and are only counted here.
        for (path, factor) in [(CpuPath::AvxVnni, 1), (CpuPath::Avx512Vnni, 2)] {
            if path.is_available() {
                let (sum, made) = chains_on(path, 5);
                assert_eq!(
                    (sum, made),
                    (expected.wrapping_mul(factor), factor as usize * 5 * CHAINS * 32)
                );
            }
        }
        if CpuPath::Avx2.is_available() {
            assert_eq!(chains_on(CpuPath::Avx2, 5).1, 5 * CHAINS * 16);
        }
    }

    fn check_path(path: CpuPath, multiply: Multiply) {
        if path.is_available() {
            check(multiply);
        } else {
            eprintln!("SKIPPED: this CPU has no {}", path.name());
        }
    }

    #[test]
    fn avx512vnni_is_exact() {
        check_path(CpuPath::Avx512Vnni, |x, m, w, e| {
            multiply_on(CpuPath::Avx512Vnni, x, m, w, e)
        });
    }

    #[test]
    fn avx512_is_exact() {
        check_path(CpuPath::Avx512, |x, m, w, e| {
            multiply_on(CpuPath::Avx512, x, m, w, e)
        });
    }

    #[test]
    fn avxvnni_is_exact() {
        check_path(CpuPath::AvxVnni, |x, m, w, e| {
            multiply_on(CpuPath::AvxVnni, x, m, w, e)
        });
    }

    #[test]
    fn avx2_is_exact() {
        check_path(CpuPath::Avx2, |x, m, w, e| multiply_on(CpuPath::Avx2, x, m, w, e));
    }

    #[test]
    fn portable_is_exact() {
        check_path(CpuPath::Portable, |x, m, w, e| {
            multiply_on(CpuPath::Portable, x, m, w, e)
        });
    }

    /// What AVX-512 VNNI computes, on any CPU: all but its instructions.
    #[test]
    fn plain_code_in_the_layout_of_avx512vnni_is_exact() {
        check(|x, m, w, e| multiply_with::<Plain<16>>(x, m, w, e));
    }

    #[test]
    #[should_panic(expected = "may overflow")]
    fn a_depth_that_may_overflow_is_refused() {
        PackedWeight::new(&vec![0; MAX_DEPTH + 1], 1, MAX_DEPTH + 1);
    }

    /// The least seconds that `job` took.
    fn best(mut job: impl FnMut()) -> f64 {
        (0..15)
            .map(|_| {
                let start = std::time::Instant::now();
                job();
                start.elapsed().as_secs_f64()
            })
            .fold(f64::INFINITY, f64::min)
    }

    /// Operations a second of the innermost loop on operands in the nearest cache, all threads together.
    fn bare_speed<D: Dot>() -> f64 {
        let steps = DEPTH_BLOCK / 4 * D::WORDS;
        let left = vec![1i32; steps * ROWS];
        let right = vec![Line([1; 64]); D::GROUP * steps];
        let passes = 5_000;
        let seconds = best(|| {
            for_each(thread_count(), |_| {
                let mut sums = vec![0i32; ROWS * D::GROUP * PANEL];
                for _ in 0..passes {
                    let pass = Pass {
                        left: std::hint::black_box(left.as_ptr()),
                        left_row: 1,
                        left_step: ROWS,
                        right: right.as_ptr(),
                        panel_step: steps,
                        steps,
                        sums: sums.as_mut_ptr(),
                        row_step: D::GROUP * PANEL,
                        accumulate: true,
                    };
                    // SAFETY: the buffers are as long as the pass says.
                    unsafe { D::run(&pass, ROWS, D::GROUP) };
                }
            });
        });
        let products = ROWS * D::GROUP * PANEL * DEPTH_BLOCK * passes * thread_count();
        2.0 * products as f64 / seconds
    }

    /// Prints the speed of the path in use beside those of the float product and of the bare innermost loop:
    /// `cargo test --release -- --ignored --nocapture speed`.
    #[test]
    #[ignore = "a measurement"]
    fn speed() {
        use crate::matmul::View;
        let mut random = Random(3);
        let path = cpu_path().unwrap();
        let bare = match path {
            #[cfg(target_arch = "x86_64")]
            CpuPath::Avx512Vnni => bare_speed::<Avx512Vnni>(),
            #[cfg(target_arch = "x86_64")]
            CpuPath::AvxVnni => bare_speed::<AvxVnni>(),
            #[cfg(target_arch = "x86_64")]
            CpuPath::Avx2 | CpuPath::Avx512 => bare_speed::<Avx2>(),
            _ => bare_speed::<Plain<8>>(),
        };
        println!(
            "{}, {} threads: bare loop {:.0} GOP/s",
            path.name(),
            thread_count(),
            bare / 1e9
        );
        for (m, n, k) in [
            (2048, 384, 384),
            (2048, 1536, 384),
            (2048, 384, 1536),
            (2048, 768, 768),
            (2048, 3072, 768),
            (2048, 768, 3072),
            (32, 1536, 384),
            (32, 384, 384),
            (1, 1536, 384),
        ] {
            let x: Vec<u8> = (0..m * k).map(|_| random.next() as u8).collect();
            let w: Vec<i8> = (0..n * k).map(|_| random.next() as i8).collect();
            let weight = PackedWeight::new(&w, n, k);
            let int8 = best(|| {
                multiply(&x, m, &weight, |_, _, sums| {
                    std::hint::black_box(sums);
                });
            });
            let floats: Vec<f32> = x.iter().map(|&x| f32::from(x)).collect();
            let float_weight: Vec<f32> = w.iter().map(|&w| f32::from(w)).collect();
            let mut out = vec![0f32; m * n];
            let f32 = best(|| {
                let b = View::rows(&float_weight, k).transposed();
                crate::matmul::multiply(m, n, k, View::rows(&floats, k), b, None, &mut out);
            });
            let operations = 2.0 * (m * n * k) as f64;
            println!(
                "{m} x {n} x {k}: {:.0} GOP/s, {:.0} % of the bare loop; {:.2} times f32's {:.0} GFLOP/s",
                operations / int8 / 1e9,
                100.0 * operations / int8 / bare,
                f32 / int8,
                operations / f32 / 1e9
            );
        }
    }
}
