//! Elementary functions without branches, so that loops over them become vector code; each within about 2e-7.

use crate::lanes::fma;

#[inline(always)]
fn clamp(x: f32, low: f32, high: f32) -> f32 {
    // NaN fails both comparisons and passes through.
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}

/// Adding 1.5 * 2^23 + 127 rounds to an integer, which then sits in the low bits with the exponent's bias.
const ROUNDER: f32 = 12_583_039.0;

/// 2^k of ROUNDER + k.
#[inline(always)]
fn power_of_two(rounded: f32) -> f32 {
    f32::from_bits(rounded.to_bits() << 23)
}

/// e^x for x in [-87.3, 88.3], clamped outside (Cephes, expf.c).
#[inline(always)]
pub fn exp<const FMA: bool>(x: f32) -> f32 {
    let x = clamp(x, -87.3, 88.3);
    let rounded = fma::<FMA>(x, std::f32::consts::LOG2_E, ROUNDER);
    let k = rounded - ROUNDER;
    let r = fma::<FMA>(k, -0.693_359_4, x);
    let r = fma::<FMA>(k, 2.121_944_4e-4, r);
    let mut p = 1.987_569_1e-4;
    p = fma::<FMA>(p, r, 1.398_2e-3);
    p = fma::<FMA>(p, r, 8.333_452e-3);
    p = fma::<FMA>(p, r, 4.166_579_6e-2);
    p = fma::<FMA>(p, r, 1.666_666_5e-1);
    p = fma::<FMA>(p, r, 0.5);
    let y = fma::<FMA>(p * r, r, r) + 1.0;
    y * power_of_two(rounded)
}

/// 2^x for x in [-126, 127], clamped outside: less work than `exp`.
#[inline(always)]
pub fn exp2<const FMA: bool>(x: f32) -> f32 {
    let x = clamp(x, -126.0, 127.0);
    let rounded = x + ROUNDER;
    let r = x - (rounded - ROUNDER);
    // Interpolates (2^r - 1) / r in the Chebyshev nodes of [-0.5, 0.5]: within 5e-9.
    let mut p = 1.545_316_3e-4;
    p = fma::<FMA>(p, r, 1.339_086_3e-3);
    p = fma::<FMA>(p, r, 9.618_083e-3);
    p = fma::<FMA>(p, r, 5.550_357e-2);
    p = fma::<FMA>(p, r, 2.402_265e-1);
    p = fma::<FMA>(p, r, std::f32::consts::LN_2);
    fma::<FMA>(p, r, 1.0) * power_of_two(rounded)
}

/// The error function (the rational minimax form of Eigen and XLA).
#[inline(always)]
pub fn erf<const FMA: bool>(x: f32) -> f32 {
    // Beyond, 1 is the nearest float.
    const END: f32 = 3.743_921;
    let far = x.abs() > END;
    let sign = 1f32.copysign(x);
    let x = clamp(x, -END, END);
    let s = x * x;
    let mut p = 2.290_506_6e-4;
    p = fma::<FMA>(p, s, 3.408_291e-3);
    p = fma::<FMA>(p, s, 5.095_569_5e-2);
    p = fma::<FMA>(p, s, 1.852_083_2e-1);
    p = fma::<FMA>(p, s, std::f32::consts::FRAC_2_SQRT_PI);
    let mut q = -1.179_160_3e-7;
    q = fma::<FMA>(q, s, 2.354_796_6e-5);
    q = fma::<FMA>(q, s, 1.017_962_5e-3);
    q = fma::<FMA>(q, s, 1.407_047e-2);
    q = fma::<FMA>(q, s, 1.109_850_5e-1);
    q = fma::<FMA>(q, s, 4.974_692_5e-1);
    q = fma::<FMA>(q, s, 1.0);
    if far { sign } else { x * p / q }
}

/// The hyperbolic tangent (the rational minimax form of Eigen).
#[inline(always)]
pub fn tanh<const FMA: bool>(x: f32) -> f32 {
    let x = clamp(x, -7.905_311, 7.905_311);
    let s = x * x;
    let mut p = -2.760_768_5e-16;
    p = fma::<FMA>(p, s, 2.000_188e-13);
    p = fma::<FMA>(p, s, -8.604_672e-11);
    p = fma::<FMA>(p, s, 5.122_297e-8);
    p = fma::<FMA>(p, s, 1.485_722_4e-5);
    p = fma::<FMA>(p, s, 6.372_619_3e-4);
    p = fma::<FMA>(p, s, 4.893_524_6e-3);
    let mut q = 1.198_258_4e-6;
    q = fma::<FMA>(q, s, 1.185_347_1e-4);
    q = fma::<FMA>(q, s, 2.268_434_6e-3);
    q = fma::<FMA>(q, s, 4.893_525e-3);
    x * p / q
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worst(from: f32, to: f32, ours: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64) -> f64 {
        (0..=200_000)
            .map(|i| from + (to - from) * i as f32 / 200_000.0)
            .map(|x| {
                let truth = exact(x as f64);
                (ours(x) as f64 - truth).abs() / truth.abs().max(1e-30)
            })
            .fold(0.0, f64::max)
    }

    /// erf by its Taylor series (small arguments) or continued fraction.
    fn erf_exact(x: f64) -> f64 {
        if x.abs() > 3.0 {
            let mut tail = 0.0;
            for k in (1..=200).rev() {
                tail = k as f64 / 2.0 / (x.abs() + tail);
            }
            let rest = (-x * x).exp() / std::f64::consts::PI.sqrt() / (x.abs() + tail);
            return x.signum() * (1.0 - rest);
        }
        let (mut term, mut sum) = (x, x);
        for n in 1..120 {
            term *= -x * x / n as f64;
            sum += term / (2 * n + 1) as f64;
        }
        2.0 / std::f64::consts::PI.sqrt() * sum
    }

    #[test]
    fn functions_are_within_4e_7_relative() {
        assert!(worst(-87.0, 88.0, exp::<false>, f64::exp) < 4e-7);
        assert!(worst(-87.0, 88.0, exp::<true>, f64::exp) < 4e-7);
        assert!(worst(-126.0, 127.0, exp2::<false>, f64::exp2) < 4e-7);
        assert!(worst(-126.0, 127.0, exp2::<true>, f64::exp2) < 4e-7);
        assert!(worst(-6.0, 6.0, tanh::<true>, f64::tanh) < 4e-7);
        assert!(worst(-4.5, 4.5, erf::<true>, erf_exact) < 4e-7);
    }

    #[test]
    fn nan_passes_through() {
        assert!(exp::<true>(f32::NAN).is_nan());
        assert!(exp2::<true>(f32::NAN).is_nan());
        assert!(erf::<true>(f32::NAN).is_nan());
        assert!(tanh::<true>(f32::NAN).is_nan());
    }
}
