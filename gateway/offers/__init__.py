"""What a user can call: the models on offer to them, and whether their keys are taken."""
