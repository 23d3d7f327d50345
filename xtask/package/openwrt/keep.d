/etc/config/sortie
