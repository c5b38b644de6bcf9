//! The innermost loop of the integer products: sums of R rows by a few panels of 16 columns, once for all vector
//! instructions, which differ in one operation alone.

/// Columns of a panel of a packed weight.
pub const PANEL: usize = 16;

/// Rows that one pass of the innermost loop multiplies with a panel: with AVX2, 6 rows of 2 vectors leave 4 of the 16
/// registers for the operands.
pub const ROWS: usize = 6;

/// One step along k of a panel: a word of 32 bits for each of its columns, on a cache line of its own.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Line(pub [i8; 4 * PANEL]);

impl Line {
    pub const ZERO: Line = Line([0; 4 * PANEL]);
}

/// The operands of one pass.
pub struct Pass {
    /// A word of 32 bits for each row and step, at any address.
    pub left: *const i32,
    /// Words from one row to the next, and from one step to the next.
    pub left_row: usize,
    pub left_step: usize,
    /// [panels][steps], the panels `panel_step` lines apart.
    pub right: *const Line,
    pub panel_step: usize,
    pub steps: usize,
    /// [rows][panels * PANEL], the rows `row_step` apart.
    pub sums: *mut i32,
    pub row_step: usize,
    /// Whether the products are added to what is there, or replace it.
    pub accumulate: bool,
}

/// Vector instructions for integer products.
///
/// # Safety
/// All functions: the CPU has the instructions, and the addresses are valid for a whole vector.
pub trait Dot {
    type Vector: Copy;
    /// Sums in a vector: 8 or 16.
    const LANES: usize;
    /// Panels of a pass: 1 with 8 lanes, up to 4 with 16.
    const GROUP: usize;
    /// Words that four values along k take: 1 of four bytes, or 2 of two 16-bit numbers each.
    const WORDS: usize;
    unsafe fn splat(word: i32) -> Self::Vector;
    unsafe fn load(from: *const i32) -> Self::Vector;
    unsafe fn store(vector: Self::Vector, to: *mut i32);
    unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// sums + the products of the parts of each word: unsigned left, signed right.
    unsafe fn add_dot(sums: Self::Vector, left: Self::Vector, right: Self::Vector) -> Self::Vector;
    /// Where WORDS is 2: each line of bytes (0, 1, 2, 3) as a line of (0, 2) and one of (1, 3).
    unsafe fn widen(_bytes: &[Line], _words: &mut [Line]) {
        unreachable!("a word a line is not widened");
    }
    /// `run_pass` compiled for these instructions.
    unsafe fn run(pass: &Pass, rows: usize, panels: usize);
    /// `run_chains` compiled for these instructions.
    unsafe fn chains(steps: usize) -> i32;
}

/// Sums of `run_chains`: enough to hide the latency of a dot product, few enough to stay in 16 registers.
pub const CHAINS: usize = 12;

/// Dot products from registers alone, `steps` on each of CHAINS sums: the rate that no product can exceed. Each takes
/// the sum itself as its left operand, so that the compiler can take none of them out of the loop.
///
/// # Safety
/// The CPU has the instructions of `D`.
#[inline(always)]
pub unsafe fn run_chains<D: Dot>(steps: usize) -> i32 {
    let mut out = [0i32; PANEL];
    // SAFETY: the caller's promise, and `out` holds a whole vector.
    unsafe {
        let right = D::splat(std::hint::black_box(0x0102_0304));
        let mut sums: [D::Vector; CHAINS] = std::array::from_fn(|i| D::splat(i as i32));
        for _ in 0..steps {
            for sum in &mut sums {
                *sum = D::add_dot(*sum, *sum, right);
            }
        }
        for sum in sums {
            D::store(D::add(D::load(out.as_ptr()), sum), out.as_mut_ptr());
        }
    }
    out.iter().fold(0, |a, &b| a.wrapping_add(b))
}

/// Multiplies `rows` (1 to ROWS) rows with `panels` (1 to GROUP) panels.
///
/// # Safety
/// The addresses in `pass` are valid for the sizes there, and the CPU has the instructions of `D`.
#[inline(always)]
pub unsafe fn run_pass<D: Dot>(pass: &Pass, rows: usize, panels: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        match rows {
            1 => run_rows::<D, 1>(pass, panels),
            2 => run_rows::<D, 2>(pass, panels),
            3 => run_rows::<D, 3>(pass, panels),
            4 => run_rows::<D, 4>(pass, panels),
            5 => run_rows::<D, 5>(pass, panels),
            _ => run_rows::<D, ROWS>(pass, panels),
        }
    }
}

#[inline(always)]
unsafe fn run_rows<D: Dot, const R: usize>(pass: &Pass, panels: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        if D::LANES < PANEL {
            return run_block::<D, R, 2>(pass);
        }
        match panels {
            1 => run_block::<D, R, 1>(pass),
            2 => run_block::<D, R, 2>(pass),
            3 => run_block::<D, R, 3>(pass),
            _ => run_block::<D, R, 4>(pass),
        }
    }
}

/// R rows by V vectors of columns.
#[inline(always)]
unsafe fn run_block<D: Dot, const R: usize, const V: usize>(pass: &Pass) {
    let in_panel = PANEL / D::LANES;
    // SAFETY: the caller vouches for `left`, `right` and `sums` over the steps, rows and columns of this pass.
    unsafe {
        let mut sums = [[D::splat(0); V]; R];
        let mut left = pass.left;
        let mut right = pass.right.cast::<i32>();
        for _ in 0..pass.steps {
            let columns: [D::Vector; V] = std::array::from_fn(|v| {
                D::load(right.add(v / in_panel * pass.panel_step * PANEL + v % in_panel * D::LANES))
            });
            for (row, sums) in sums.iter_mut().enumerate() {
                let word = D::splat(left.add(row * pass.left_row).read_unaligned());
                for (sum, &column) in sums.iter_mut().zip(&columns) {
                    *sum = D::add_dot(*sum, word, column);
                }
            }
            left = left.add(pass.left_step);
            right = right.add(PANEL);
        }
        for (row, sums) in sums.iter().enumerate() {
            for (v, &sum) in sums.iter().enumerate() {
                let to = pass.sums.add(row * pass.row_step + v * D::LANES);
                D::store(
                    if pass.accumulate {
                        D::add(D::load(to), sum)
                    } else {
                        sum
                    },
                    to,
                );
            }
        }
    }
}

/// Plain code for vectors of L sums: the portable path with 8, and with 16 the layout of AVX-512 in tests.
pub struct Plain<const L: usize>;

impl<const L: usize> Dot for Plain<L> {
    type Vector = [i32; L];
    const LANES: usize = L;
    const GROUP: usize = if L == PANEL { 4 } else { 1 };
    const WORDS: usize = 1;

    #[inline(always)]
    unsafe fn splat(word: i32) -> [i32; L] {
        [word; L]
    }

    #[inline(always)]
    unsafe fn load(from: *const i32) -> [i32; L] {
        // SAFETY: the caller's promise.
        unsafe { from.cast::<[i32; L]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(vector: [i32; L], to: *mut i32) {
        // SAFETY: the caller's promise.
        unsafe { to.cast::<[i32; L]>().write_unaligned(vector) }
    }

    #[inline(always)]
    unsafe fn add(a: [i32; L], b: [i32; L]) -> [i32; L] {
        std::array::from_fn(|i| a[i].wrapping_add(b[i]))
    }

    /// What vpdpbusd does.
    #[inline(always)]
    unsafe fn add_dot(sums: [i32; L], left: [i32; L], right: [i32; L]) -> [i32; L] {
        std::array::from_fn(|i| {
            let (left, right) = (left[i].to_ne_bytes(), right[i].to_ne_bytes());
            let product = |part: usize| i32::from(left[part]) * i32::from(right[part] as i8);
            sums[i].wrapping_add(product(0) + product(1) + product(2) + product(3))
        })
    }

    unsafe fn run(pass: &Pass, rows: usize, panels: usize) {
        // SAFETY: the caller's promise; plain code runs on any CPU.
        unsafe { run_pass::<Self>(pass, rows, panels) }
    }

    unsafe fn chains(steps: usize) -> i32 {
        // SAFETY: plain code runs on any CPU.
        unsafe { run_chains::<Self>(steps) }
    }
}
