"""The books: state machines that are fed every event once, in order, and can be asked at any moment."""
