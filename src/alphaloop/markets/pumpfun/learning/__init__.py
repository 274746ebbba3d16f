"""From stored signals and their outcomes to models; nothing that runs while signals are made imports this."""
