"""The only room that knows llama.cpp. Everything in it runs in the model's own process,
except `client`, which is what the rest of the house talks to."""
