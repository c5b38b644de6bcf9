//! What the addon found.

use crate::bf16::gradients;
use crate::cpu_path::cpu_path;
use crate::threads::chosen_threads;
use napi::{Error, Result};
use napi_derive::napi;

#[napi(object)]
pub struct Info {
    pub path: String,
    pub threads: u32,
    pub gradients: String,
    pub version: String,
}

/// What is in use; an error when `SDQ_CPU_PATH`, `SDQ_THREADS` or `SDQ_GRADIENTS` asks for what is not there.
#[napi(catch_unwind)]
pub fn info() -> Result<Info> {
    let path = cpu_path().map_err(Error::from_reason)?;
    Ok(Info {
        path: path.name().to_owned(),
        threads: chosen_threads().map_err(Error::from_reason)? as u32,
        gradients: gradients().map_err(Error::from_reason)?.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}
