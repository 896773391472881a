"""What ./run_all.sh does: the functions behind its commands."""
