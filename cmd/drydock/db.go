package main

import "github.com/spf13/cobra"

func dbCommand(c *cli) *cobra.Command     { return &cobra.Command{Use: "db"} }
func watchCommand(c *cli) *cobra.Command  { return &cobra.Command{Use: "watch"} }
func whyCommand(c *cli) *cobra.Command    { return &cobra.Command{Use: "why"} }
func policyCommand(c *cli) *cobra.Command { return &cobra.Command{Use: "policy"} }
func pid() int                            { return 0 }
