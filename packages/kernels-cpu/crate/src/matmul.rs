//! Products of float matrices by the `gemm` crate, cut into tiles of fixed size, each computed by one thread, so
//! that the sums do not depend on the number of threads.

use crate::threads::Floats;
use crate::threads::{Shared, block_range, for_each};
use gemm::{Parallelism, gemm};
use napi_derive::napi;

/// A read-only matrix view; element (i, j) lies at i * row_step + j * column_step.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub data: &'a [f32],
    pub row_step: usize,
    pub column_step: usize,
}

impl<'a> View<'a> {
    pub fn rows(data: &'a [f32], columns: usize) -> Self {
        View {
            data,
            row_step: columns,
            column_step: 1,
        }
    }

    pub fn transposed(self) -> Self {
        View {
            row_step: self.column_step,
            column_step: self.row_step,
            ..self
        }
    }

    fn holds(&self, rows: usize, columns: usize) -> bool {
        rows == 0
            || columns == 0
            || (rows - 1) * self.row_step + (columns - 1) * self.column_step < self.data.len()
    }
}

/// One thread's product: out = a b, or out += a b; a is [m, k], b is [k, n].
///
/// # Safety
/// The m rows of n floats from `out` on, `row_step` apart, must be valid and not be used by others meanwhile.
pub unsafe fn multiply_tile(
    m: usize,
    n: usize,
    k: usize,
    a: View,
    b: View,
    out: *mut f32,
    row_step: usize,
    scale: f32,
    accumulate: bool,
) {
    assert!(
        a.holds(m, k) && b.holds(k, n),
        "a matrix is shorter than its shape"
    );
    if m == 0 || n == 0 {
        return;
    }
    // SAFETY: the views hold the operands, as asserted; the caller vouches for `out`.
    unsafe {
        gemm(
            m,
            n,
            k,
            out,
            1,
            row_step as isize,
            accumulate,
            a.data.as_ptr(),
            a.column_step as isize,
            a.row_step as isize,
            b.data.as_ptr(),
            b.column_step as isize,
            b.row_step as isize,
            1.0,
            scale,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// The tile of an m x n product: large enough that packing costs little, small enough for eight threads.
fn tile(m: usize, n: usize) -> (usize, usize) {
    let area = (m * n / 8).clamp(128 * 192, 256 * 384);
    let columns = n.clamp(1, 384);
    let rows = (area / columns).next_multiple_of(16).min(m.max(1));
    (rows, columns)
}

/// out [m, n] = a [m, k] times b [k, n], plus `bias` [n] on each row.
pub fn multiply(m: usize, n: usize, k: usize, a: View, b: View, bias: Option<&[f32]>, out: &mut [f32]) {
    assert_eq!(out.len(), m * n, "the output's length is not its shape's");
    assert!(
        a.holds(m, k) && b.holds(k, n),
        "a matrix is shorter than its shape"
    );
    assert!(
        bias.is_none_or(|bias| bias.len() == n),
        "the bias is not one value a column"
    );
    let (tile_rows, tile_columns) = tile(m, n);
    let across = n.div_ceil(tile_columns);
    let target = Shared::new(out);
    for_each(m.div_ceil(tile_rows) * across, |index| {
        let rows = block_range(index / across, tile_rows, m);
        let columns = block_range(index % across, tile_columns, n);
        if let Some(bias) = bias {
            for row in rows.clone() {
                // SAFETY: tiles do not overlap.
                let part = unsafe { target.part(row * n + columns.start..row * n + columns.end) };
                part.copy_from_slice(&bias[columns.clone()]);
            }
        }
        if k == 0 {
            if bias.is_none() {
                for row in rows {
                    // SAFETY: tiles do not overlap.
                    unsafe { target.part(row * n + columns.start..row * n + columns.end) }.fill(0.0);
                }
            }
            return;
        }
        let a = View {
            data: &a.data[rows.start * a.row_step..],
            ..a
        };
        let b = View {
            data: &b.data[columns.start * b.column_step..],
            ..b
        };
        // SAFETY: tiles do not overlap and lie inside `out`.
        unsafe {
            multiply_tile(
                rows.len(),
                columns.len(),
                k,
                a,
                b,
                target.address(rows.start * n + columns.start),
                n,
                1.0,
                bias.is_some(),
            );
        }
    });
}

/// out [batch, m, n] = a times b per batch; `a_step` or `b_step` 0 repeats one matrix. `transpose` bit 0: a is
/// stored [k, m]; bit 1: b is stored [n, k].
#[napi(catch_unwind)]
pub fn batch_matmul(
    a: &[f32],
    b: &[f32],
    out: Floats,
    batch: u32,
    m: u32,
    n: u32,
    k: u32,
    transpose: u32,
    a_step: u32,
    b_step: u32,
) {
    let (batch, m, n, k) = (batch as usize, m as usize, n as usize, k as usize);
    assert_eq!(out.len(), batch * m * n, "the output's length is not its shape's");
    for i in 0..batch {
        let a = View::rows(&a[i * a_step as usize..], if transpose & 1 == 0 { k } else { m });
        let b = View::rows(&b[i * b_step as usize..], if transpose & 2 == 0 { n } else { k });
        let a = if transpose & 1 == 0 { a } else { a.transposed() };
        let b = if transpose & 2 == 0 { b } else { b.transposed() };
        multiply(m, n, k, a, b, None, &mut out[i * m * n..(i + 1) * m * n]);
    }
}
