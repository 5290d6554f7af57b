// Placeholder so that the package loads; replaced by the module's first file.
