//! metrics-store
