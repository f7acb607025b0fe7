#!/bin/sh
read -r word < /usr/share/hello/words
echo "$word, ${1:-world}!"
