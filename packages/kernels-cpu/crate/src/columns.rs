//! Rows of a matrix laid down as columns.

use crate::matmul::View;

/// out [d, width] = the first `count` rows of x [.., d] as columns, with zeros after them.
pub fn copy_columns(x: View, count: usize, width: usize, out: &mut [f32]) {
    let d = out.len() / width;
    let row = |index: usize| &x.data[index * x.row_step..][..d];
    for first in (0..count).step_by(4) {
        let rows: [_; 4] = std::array::from_fn(|i| row((first + i).min(count - 1)));
        let fours = rows.map(|row| row.as_chunks::<4>());
        for four in 0..d / 4 {
            let columns = transposed(fours.map(|(fours, _)| fours[four]));
            for (i, column) in columns.iter().enumerate() {
                out[(4 * four + i) * width + first..][..4].copy_from_slice(column);
            }
        }
        for column in d / 4 * 4..d {
            let values = rows.map(|row| row[column]);
            out[column * width + first..][..4].copy_from_slice(&values);
        }
    }
    if count < width {
        for column in out.chunks_exact_mut(width) {
            column[count..].fill(0.0);
        }
    }
}

/// A transposed block. (Plain loops over arrays are compiled to scalar code here.)
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn transposed(rows: [[f32; 4]; 4]) -> [[f32; 4]; 4] {
    use std::arch::x86_64::{__m128, _MM_TRANSPOSE4_PS};
    // SAFETY: a vector is four floats; every such CPU has the instructions.
    unsafe {
        let [mut a, mut b, mut c, mut d]: [__m128; 4] = std::mem::transmute(rows);
        _MM_TRANSPOSE4_PS(&mut a, &mut b, &mut c, &mut d);
        std::mem::transmute([a, b, c, d])
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn transposed(rows: [[f32; 4]; 4]) -> [[f32; 4]; 4] {
    std::array::from_fn(|column| rows.map(|row| row[column]))
}
