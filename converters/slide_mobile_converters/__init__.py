"""One folder a target; `slide_mobile.targets.converter.Converter` says what each defines."""
