//! Which vector instructions the kernels use, chosen once at run time.

use crate::settings::setting;
use std::sync::OnceLock;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CpuPath {
    Avx512Vnni,
    Avx512,
    AvxVnni,
    Avx2,
    Portable,
}

impl CpuPath {
    /// The best first.
    const ALL: [CpuPath; 5] = [
        CpuPath::Avx512Vnni,
        CpuPath::Avx512,
        CpuPath::AvxVnni,
        CpuPath::Avx2,
        CpuPath::Portable,
    ];

    pub fn name(self) -> &'static str {
        match self {
            CpuPath::Avx512Vnni => "avx512vnni",
            CpuPath::Avx512 => "avx512",
            CpuPath::AvxVnni => "avxvnni",
            CpuPath::Avx2 => "avx2",
            CpuPath::Portable => "portable",
        }
    }

    /// Whether this CPU has the instructions.
    pub fn is_available(self) -> bool {
        match self {
            CpuPath::Portable => true,
            #[cfg(target_arch = "x86_64")]
            CpuPath::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            CpuPath::Avx512 => {
                CpuPath::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(target_arch = "x86_64")]
            CpuPath::AvxVnni => CpuPath::Avx2.is_available() && is_x86_feature_detected!("avxvnni"),
            #[cfg(target_arch = "x86_64")]
            CpuPath::Avx512Vnni => CpuPath::Avx512.is_available() && is_x86_feature_detected!("avx512vnni"),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }
}

/// The path in use; `SDQ_CPU_PATH` forces one. The error says what to change.
pub fn cpu_path() -> Result<CpuPath, String> {
    static PATH: OnceLock<Result<CpuPath, String>> = OnceLock::new();
    PATH.get_or_init(choose).clone()
}

fn choose() -> Result<CpuPath, String> {
    let all = CpuPath::ALL;
    let Some(forced) = setting("SDQ_CPU_PATH") else {
        return Ok(all
            .into_iter()
            .find(|path| path.is_available())
            .unwrap_or(CpuPath::Portable));
    };
    match all.into_iter().find(|path| path.name() == forced) {
        None => Err(format!(
            "SDQ_CPU_PATH={forced} is no path: choose {}, or unset it.",
            all.map(CpuPath::name).join(", ")
        )),
        Some(path) if path.is_available() => Ok(path),
        Some(_) => Err(format!(
            "SDQ_CPU_PATH={forced}, but this CPU lacks these instructions: unset it."
        )),
    }
}

/// Makes of one generic body `fn body<const FMA: bool>(...)`, which must be `#[inline(always)]`, a function that is
/// compiled once per path and picks the path at run time.
macro_rules! per_path {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? = $body:ident) => {
        $(#[$meta])*
        $vis fn $name($($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
            fn avx512($($arg: $ty),*) $(-> $ret)? {
                $body::<true>($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
                #[target_feature(enable = "avx2,fma")]
            fn avx2($($arg: $ty),*) $(-> $ret)? {
                $body::<true>($($arg),*)
            }
            match $crate::cpu_path::cpu_path() {
                // SAFETY: `cpu_path` returns a path only after it has seen that the CPU has its instructions.
                #[cfg(target_arch = "x86_64")]
                Ok($crate::cpu_path::CpuPath::Avx512Vnni | $crate::cpu_path::CpuPath::Avx512) => unsafe { avx512($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                Ok($crate::cpu_path::CpuPath::AvxVnni | $crate::cpu_path::CpuPath::Avx2) => unsafe { avx2($($arg),*) },
                _ => $body::<false>($($arg),*),
            }
        }
    };
}
