//! What an app is: its component, what it may reach, its limits.
