"""One file (or package) a target; `slide_mobile.targets.Converter` says what each defines."""
