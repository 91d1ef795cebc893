"""Where the time goes: py-spy on a real service under load, summed up by what the code is for."""
