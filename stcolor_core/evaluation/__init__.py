"""Quality, measured on clips whose colour is known."""
