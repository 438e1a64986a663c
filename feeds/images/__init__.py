"""The image cache: fetching images from other people's servers, checking them, keeping copies."""
