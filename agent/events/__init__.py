"""What the kernel side saw: the words between source and tracker."""
