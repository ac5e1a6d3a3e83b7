//! datadog-query
