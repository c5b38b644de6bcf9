//! Products of matrices that fit the caches, as those of one head's attention do: a tile of the output stays in
//! registers over the whole sum, and nothing is packed here.

use crate::cpu_path::{CpuPath, cpu_path};
use crate::lanes::{LANES, fma};
use crate::matmul::View;

/// The operands of one product, as the innermost loops take them.
#[derive(Clone, Copy)]
struct Product {
    m: usize,
    n: usize,
    k: usize,
    a: *const f32,
    row_step: usize,
    column_step: usize,
    b: *const f32,
    out: *mut f32,
    accumulate: bool,
}

/// out [m, n] = a b, or out += a b; a is [m, k] and b [k, n]. The rows of b and out lie one after the other, and n is
/// a multiple of LANES.
pub fn multiply_small(k: usize, a: View, b: &[f32], n: usize, out: &mut [f32], accumulate: bool) {
    multiply_on(
        cpu_path().unwrap_or(CpuPath::Portable),
        k,
        a,
        b,
        n,
        out,
        accumulate,
    );
}

fn multiply_on(path: CpuPath, k: usize, a: View, b: &[f32], n: usize, out: &mut [f32], accumulate: bool) {
    assert!(path.is_available(), "this CPU lacks the instructions of the path");
    assert!(n > 0 && n.is_multiple_of(LANES), "the rows are not whole vectors");
    assert!(
        out.len().is_multiple_of(n) && b.len() >= k * n,
        "a matrix is shorter than its shape"
    );
    let m = out.len() / n;
    assert!(
        m == 0 || k == 0 || (m - 1) * a.row_step + (k - 1) * a.column_step < a.data.len(),
        "a matrix is shorter than its shape"
    );
    let product = &Product {
        m,
        n,
        k,
        a: a.data.as_ptr(),
        row_step: a.row_step,
        column_step: a.column_step,
        b: b.as_ptr(),
        out: out.as_mut_ptr(),
        accumulate,
    };
    match path {
        // SAFETY: the assertions above.
        #[cfg(target_arch = "x86_64")]
        CpuPath::Avx512 | CpuPath::Avx512Vnni => unsafe { run_512(product) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        CpuPath::Avx2 | CpuPath::AvxVnni => unsafe { run_256(product) },
        // SAFETY: as above. Only Arm's vectors have fused operations on every CPU.
        _ => unsafe { run::<{ cfg!(target_arch = "aarch64") }, 4, 4>(product) },
    }
}

/// # Safety
/// The CPU has the instructions, and the operands hold their shapes.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn run_512(product: &Product) {
    // SAFETY: the caller's promise.
    unsafe { run::<true, 16, 8>(product) }
}

/// # Safety
/// The CPU has the instructions, and the operands hold their shapes.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn run_256(product: &Product) {
    // SAFETY: the caller's promise.
    unsafe { run::<true, 8, 6>(product) }
}

/// The product in tiles of up to R rows (4, 6 or 8) and two vectors of L floats, which with the operands' vectors fill
/// the registers.
///
/// # Safety
/// The operands hold their shapes, and n is a multiple of L.
#[inline(always)]
unsafe fn run<const FMA: bool, const L: usize, const R: usize>(product: &Product) {
    let mut column = 0;
    while column < product.n {
        // SAFETY: the caller's promise.
        unsafe {
            if product.n - column >= 2 * L {
                run_columns::<FMA, L, 2, R>(product, column);
                column += 2 * L;
            } else {
                run_columns::<FMA, L, 1, R>(product, column);
                column += L;
            }
        }
    }
}

/// V vectors of columns from `column` on.
///
/// # Safety
/// The operands hold their shapes, and these columns.
#[inline(always)]
unsafe fn run_columns<const FMA: bool, const L: usize, const V: usize, const R: usize>(
    product: &Product,
    column: usize,
) {
    let (m, mut row) = (product.m, 0);
    // SAFETY: the caller's promise.
    unsafe {
        while m - row >= R {
            run_tile::<FMA, L, V, R>(product, row, column);
            row += R;
        }
        if R > 4 && m - row >= 4 {
            run_tile::<FMA, L, V, 4>(product, row, column);
            row += 4;
        }
        if m - row >= 2 {
            run_tile::<FMA, L, V, 2>(product, row, column);
            row += 2;
        }
        if m > row {
            run_tile::<FMA, L, V, 1>(product, row, column);
        }
    }
}

/// R rows by V vectors.
///
/// # Safety
/// The operands hold their shapes, and these rows and columns.
#[inline(always)]
unsafe fn run_tile<const FMA: bool, const L: usize, const V: usize, const R: usize>(
    product: &Product,
    row: usize,
    column: usize,
) {
    let Product {
        n,
        row_step,
        column_step,
        ..
    } = *product;
    // SAFETY: the caller's promise.
    unsafe {
        let mut a = product.a.add(row * row_step);
        let mut b = product.b.add(column);
        let out = product.out.add(row * n + column);
        let mut sums = [[[0f32; L]; V]; R];
        if product.accumulate {
            for (r, sums) in sums.iter_mut().enumerate() {
                *sums = out.add(r * n).cast::<[[f32; L]; V]>().read();
            }
        }
        for _ in 0..product.k {
            let vectors = b.cast::<[[f32; L]; V]>().read();
            for (r, sums) in sums.iter_mut().enumerate() {
                let factor = *a.add(r * row_step);
                for (sums, vector) in sums.iter_mut().zip(&vectors) {
                    for (sum, &value) in sums.iter_mut().zip(vector) {
                        *sum = fma::<FMA>(factor, value, *sum);
                    }
                }
            }
            a = a.wrapping_add(column_step);
            b = b.wrapping_add(n);
        }
        for (r, &sums) in sums.iter().enumerate() {
            out.add(r * n).cast::<[[f32; L]; V]>().write(sums);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_numbers::numbers;

    #[test]
    fn agrees_with_float64_on_every_path() {
        let paths = [CpuPath::Avx512, CpuPath::Avx2, CpuPath::Portable];
        for path in paths.into_iter().filter(|path| path.is_available()) {
            for (m, n, k) in [
                (1, 16, 1),
                (2, 32, 7),
                (15, 48, 33),
                (29, 64, 5),
                (8, 16, 0),
                (0, 16, 3),
            ] {
                for transposed in [false, true] {
                    // Each row of a is one longer than need be.
                    let (a, b) = (numbers((m + 1) * (k + 1), 1), numbers(k * n, 2));
                    let a = if transposed {
                        View::rows(&a, m + 1).transposed()
                    } else {
                        View::rows(&a, k + 1)
                    };
                    for accumulate in [false, true] {
                        let before = numbers(m * n, 3);
                        let mut out = before.clone();
                        multiply_on(path, k, a, &b, n, &mut out, accumulate);
                        for (at, &result) in out.iter().enumerate() {
                            let (i, j) = (at / n, at % n);
                            let term = |l: usize| {
                                f64::from(a.data[i * a.row_step + l * a.column_step])
                                    * f64::from(b[l * n + j])
                            };
                            let start = if accumulate { f64::from(before[at]) } else { 0.0 };
                            let truth = start + (0..k).map(term).sum::<f64>();
                            assert!(
                                (f64::from(result) - truth).abs() < 1e-5,
                                "{path:?} [{m}, {n}, {k}] at {i}, {j}: {result} for {truth}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "shorter")]
    fn refuses_a_short_operand() {
        let a = View::rows(&[0.0; 5], 3);
        multiply_small(3, a, &[0.0; 48], 16, &mut [0.0; 32], false);
    }
}
