"""What single libraries need to be warm: imported by layers and runs only where the library is."""
