//! The interfaces of FastEdge: what apps built with its SDKs import.
