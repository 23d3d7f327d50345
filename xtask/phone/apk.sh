#!/bin/bash
# Stands in for apk, which Debian has not: does with the files of the recipe what abuild and apk would.
set -e

[ "$2" = sortie ]
case $1 in
	add)
		cd /srv/recipe/sortie
		# The words of busybox, with Debian's programs.
		addgroup() { groupadd --system "${!#}"; }
		adduser() { useradd --system --gid "${!#}" --no-create-home --shell /sbin/nologin "${!#}"; }
		(. ./sortie.pre-install)
		srcdir=$PWD
		pkgdir=
		. ./APKBUILD
		package
		;;
	del)
		for file in usr/sbin/sortie usr/share/man/man1/sortie.1 etc/init.d/sortie etc/conf.d/sortie \
			etc/sortie/sortie.toml usr/share/bash-completion/completions/sortie \
			usr/share/zsh/site-functions/_sortie usr/share/fish/vendor_completions.d/sortie.fish; do
			rm "/$file"
		done
		rmdir /etc/sortie
		;;
esac
