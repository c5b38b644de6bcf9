//! The environment variables that users set.

/// The value of an environment variable; an empty one counts as not set.
pub fn setting(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?;
    (!value.is_empty()).then(|| value.to_string_lossy().into_owned())
}
