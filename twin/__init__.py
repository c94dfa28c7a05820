"""The plant of a bench as software: heat, phases, light, power and sensors, coupled."""
