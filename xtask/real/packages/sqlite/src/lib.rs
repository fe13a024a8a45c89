//! Empty: the package stands for its dependency.
