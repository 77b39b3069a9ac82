//! Subject mappings and transforms.
