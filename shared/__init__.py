"""What more than one service needs: the pure domain, and the adapters to Redis around it."""
