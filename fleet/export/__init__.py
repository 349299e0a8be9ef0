"""What an output holds, in the forms that other tools read."""
