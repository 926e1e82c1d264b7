#!/usr/bin/env bash
cp -r /made/model other
sed -i 's/"intermediate_size": 192/"intermediate_size": 256/' other/config.json
rank model_name_or_path=/tmp/other
