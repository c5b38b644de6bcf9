//! Sums and maxima in parallel lanes: the compiler may not reorder float sums by itself, so the order is spelled
//! out, the same on every path.

/// Lanes of a running sum: one AVX-512 or two AVX2 registers. More would hide more of an addition's latency, but the
/// rows are short (a head has 32 features), and folding the lanes together is what they pay most for.
pub const LANES: usize = 16;

/// Folds lanes to one value, in halves.
#[inline(always)]
fn fold(lanes: [f32; LANES], join: impl Fn(f32, f32) -> f32) -> f32 {
    // Written out, since a loop over shrinking halves is not unrolled into vector code.
    let eight: [f32; 8] = std::array::from_fn(|i| join(lanes[i], lanes[i + 8]));
    let four: [f32; 4] = std::array::from_fn(|i| join(eight[i], eight[i + 4]));
    join(join(four[0], four[2]), join(four[1], four[3]))
}

#[inline(always)]
pub fn sum_lanes(lanes: [f32; LANES]) -> f32 {
    fold(lanes, |a, b| a + b)
}

#[inline(always)]
pub fn max_lanes(lanes: [f32; LANES]) -> f32 {
    fold(lanes, larger)
}

/// The larger one; unlike `f32::max` one instruction, and the second when the first is NaN.
#[inline(always)]
pub fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// The smaller one; the second when the first is NaN.
#[inline(always)]
pub fn smaller(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// a * b + c, fused where the path has the instruction.
#[inline(always)]
pub fn fma<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// The largest element, or minus infinity of none.
#[inline(always)]
pub fn maximum(x: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let chunks = x.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for i in 0..LANES {
            lanes[i] = larger(chunk[i], lanes[i]);
        }
    }
    let mut result = max_lanes(lanes);
    for &value in rest {
        result = larger(value, result);
    }
    result
}

/// The sum of term(a, b) over the elements of two slices of one length, in lanes.
#[inline(always)]
pub fn sum_pairs(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let mut rest = 0f32;
    for (&a, &b) in a.remainder().iter().zip(b.remainder()) {
        rest += term(a, b);
    }
    for (a, b) in a.zip(b) {
        for i in 0..LANES {
            lanes[i] += term(a[i], b[i]);
        }
    }
    sum_lanes(lanes) + rest
}

/// The sum of term(a) over the elements, in lanes.
#[inline(always)]
pub fn sum_over(a: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    sum_pairs(a, a, |a, _| term(a))
}

/// Replaces each element by map(element), and returns the sum of the new ones.
#[inline(always)]
pub fn map_and_sum(row: &mut [f32], map: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let mut chunks = row.chunks_exact_mut(LANES);
    for chunk in &mut chunks {
        for i in 0..LANES {
            chunk[i] = map(chunk[i]);
            lanes[i] += chunk[i];
        }
    }
    let mut rest = 0f32;
    for value in chunks.into_remainder() {
        *value = map(*value);
        rest += *value;
    }
    sum_lanes(lanes) + rest
}
