"""How good after how few images and how many seconds: all methods on one machine. See README.md."""
