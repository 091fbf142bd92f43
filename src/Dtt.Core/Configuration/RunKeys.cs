using Dtt.Core.Models;

namespace Dtt.Core.Configuration;

/// <summary>The key table of a run's configuration: it feeds the loader, <c>--set</c> and <c>docs/configuration.md</c>.</summary>
public static class RunKeys
{
    /// <summary>Every key, in the order of the documentation; <see cref="Sections"/> names the first key of each section.</summary>
    public static IReadOnlyList<ConfigKey> All { get; } =
    [
        new("name", KeyKind.Text, "dtt", "Name of the run; a name that is in use gets a number (`dtt-2`), and nothing is overwritten."),
        new("seed", KeyKind.Integer, "90", "Seed of everything random in a run: weights, data order, dropout, samples.") { Min = 0, Max = long.MaxValue },

        new("preset", KeyKind.Text, null,
            "A well-known shape: sets those keys of the model, and `vocab_size`, that are not set explicitly.") { Choices = [.. ModelPresets.All.Keys] },
        new("architecture", KeyKind.Text, "gpt2", string.Join(" ", Architectures.All.Select(a => $"`{a.Name}`: {a.Meaning}.")))
        {
            Choices = [.. Architectures.All.Select(a => a.Name)],
        },
        new("n_blocks", KeyKind.Integer, "12", "Transformer blocks.") { Min = 1, Max = 4096 },
        new("n_heads", KeyKind.Integer, "12", "Attention heads; divides `d_model`, unless `head_dim` is set.") { Min = 1, Max = 4096 },
        new("n_kv_heads", KeyKind.Integer, null, $"{Architectures.Named(a => a.ChoosesHeads)}: heads of keys and values, "
            + "each shared by `n_heads` ÷ `n_kv_heads` queries; unset: `n_heads`.") { Min = 1, Max = 4096 },
        new("head_dim", KeyKind.Integer, null, $"{Architectures.Named(a => a.ChoosesHeads)}: width of one head; unset: `d_model` ÷ `n_heads`.")
        {
            Min = 1, Max = 4096,
        },
        new("d_model", KeyKind.Integer, "768", "Width of the residual stream.") { Min = 1, Max = 1 << 20 },
        new("d_mlp", KeyKind.Integer, null, "Width of the feed-forward layer; unset: 4 × `d_model`; "
            + $"with SwiGLU ({Architectures.Named(a => a.IsGated)}), which has three such matrices: 8/3 × `d_model`, rounded up to a multiple of 64.")
        {
            Min = 1, Max = 1 << 22,
        },
        new("n_ctx", KeyKind.Integer, "1024", "Context length T.") { Unit = "tokens", Min = 2, Max = 1 << 22 },
        new("dropout", KeyKind.Number, "0",
            "Share of activations dropped after the embedding, in attention and after each block's two halves.") { Min = 0, Max = 0.95 },
        new("norm_eps", KeyKind.Number, null, $"ε of the norms; unset: {Defaults(_ => true, a => a.NormEpsilon)}.") { Min = 0, MinExclusive = true },
        new("rope_theta", KeyKind.Number, null, $"Base of the rotary angles; unset: {Defaults(a => a.Positions == PositionKind.Rotary, a => a.RopeTheta)}.")
        {
            Min = 1,
        },
        new("tie_embeddings", KeyKind.Boolean, null,
            $"Whether the head is the token embedding; unset: `false` for {Architectures.Named(a => a.ChoosesTying)}, else `true`."),
        new("mask_type", KeyKind.Text, "causal",
            "`causal`: a token sees itself and those before it. `none`: it sees every token, also the next one that it should predict, as in the Python "
            + "DTT, so the model cannot generate text.") { Choices = ["causal", "none"] },
        new("document_mask", KeyKind.Boolean, null,
            "Whether attention stays within a document: a token sees itself and the earlier tokens of its own document in the window, and a document begins "
            + "with the `<|endoftext|>` before its text. In training and validation; positions stay those in the window, and every target counts; unset: "
            + "`false`."),
        new("flash_attention", KeyKind.Boolean, "true",
            "Attention by torch's fused kernel, where that is faster (not in bf16 on a CPU up to 512 tokens); `false` always spells out softmax(QKᵀ/√d)V."),
        new("init_from", KeyKind.Text, null,
            "Weights to start from: RUN, RUN@STEP, RUN@best, or a checkpoint's folder. The model's shape and the tokenizer must be the same; the optimizer "
            + "starts fresh."),

        new("vocab_size", KeyKind.Integer, "16384",
            "Ids of the tokenizer: 256 bytes, the merges, `<|endoftext|>` and other special tokens.") { Unit = "ids", Min = 257, Max = 1 << 24 },
        new("tokenizer", KeyKind.Text, null,
            $"A tokenizer that is there already, instead of one trained on the dataset: {string.Join(", ", TokenizerNames.Public.Keys.Select(k => $"`{k}`"))}, "
            + "which come with DTT, or the path of a tokenizer's folder, `tokenizer.json` or `.tiktoken` file, or of a pickled tokenizer of the Python DTT or "
            + "nanochat. It sets `vocab_size`, and its name is its folder's."),
        new("pre_tokenizer", KeyKind.Text, null,
            "How text is cut into words before a tokenizer is trained, by the patterns of well-known models; unset: `gpt2`.")
        {
            Choices = TokenizerNames.Patterns,
        },
        new("special_tokens", KeyKind.Texts, null,
            "Special tokens of a tokenizer that is trained, besides `<|endoftext|>`: their ids are the last ones, and no text becomes one."),

        new("dataset", KeyKind.Text, "tales",
            "Name of a file in `configs/project_datasets/`, or of a folder with text under `data/`; or a text file or folder by its path, which then gives "
            + "the name."),
        new("datasets", KeyKind.Datasets, null,
            "A mixture instead of one `dataset`: `[{name: web, weight: 3}, {name: code, weight: 1}]`. Of each either `weight`, its part of all windows; or "
            + "`tokens` or `epochs`, how much of it is drawn, which also say how long the run is. A tokenizer that is trained is trained on the first."),
        new("stages", KeyKind.Stages, null,
            "Mixtures one after the other: `[{tokens: 9e9, datasets: […]}, {datasets: [{name: code, epochs: 2}]}]`. A stage by weights has `tokens`, its "
            + "length."),
        new("overlap", KeyKind.Integer, "0",
            "Tokens that neighbouring windows share: windows start every `n_ctx` − `overlap` tokens.") { Unit = "tokens", Min = 0 },
        new("pack", KeyKind.Text, null,
            "Where training windows begin. `bos`: each with a document, that is with the `<|endoftext|>` before its text; a document that does not fit begins "
            + "again in the next window, and one that is longer than a window goes on there. `none`, or unset: side by side. Validation windows always lie "
            + "side by side.")
        {
            Choices = ["none", "bos"],
        },
        new("val_fraction", KeyKind.Number, "0.01",
            "Share of documents held out for validation, chosen by a hash of each document's bytes.") { Min = 0, Max = 0.5 },
        new("stage", KeyKind.Boolean, "false",
            "Copy token shards to the node's own disk first (`DTT_SCRATCH`, else a folder in `SLURM_TMPDIR`, `TMPDIR` or `/tmp`), where later runs reuse "
            + "them; when that disk has no room they are read in place."),
        new("n_workers", KeyKind.Integer, "0",
            "Loader processes of the Python DTT.")
        {
            LostMeaning = "is accepted and does nothing: token shards are memory-mapped, so no loader processes are needed.",
        },
        new("min_loader_ratio", KeyKind.Number, "0",
            "Shard balance of the Python DTT.")
        {
            LostMeaning = "is accepted and does nothing: the data order is global, so ranks always get the same number of windows.",
        },

        new("batch_size", KeyKind.Integer, "8", "Sequences per rank and forward pass, B.") { Unit = "sequences", Min = 1, Max = 1 << 20 },
        new("grad_accumulation_steps", KeyKind.Integer, "1", "Micro-batches per step.") { Min = 1, Max = 1 << 20 },
        new("epochs", KeyKind.Integer, "1", "Passes over the training windows; the run has ⌊epochs · N / G⌋ steps (N windows, of all datasets "
            + "together; G windows a step).")
        {
            Min = 1, Max = 1_000_000,
        },
        new("max_steps", KeyKind.Integer, null, "Upper bound on the steps of the run.") { Unit = "steps", Min = 1, Max = 1e12 },
        new("max_tokens", KeyKind.Integer, null, "Upper bound on the tokens of the run.") { Unit = "tokens", Min = 1, Max = 1e15 },
        new("grad_clip", KeyKind.Number, "1", "Largest 2-norm of the gradient, 0: no clipping.") { Min = 0 },
        new("spike.sigma", KeyKind.Number, null,
            "How many standard deviations above the mean of the last `spike.window` steps a training loss is a spike; so is one that is no number. The run "
            + "then goes back to its last checkpoint before the step, and leaves the step's windows out. Unset: nothing is looked for.")
        {
            Min = 0, MinExclusive = true,
        },
        new("spike.window", KeyKind.Integer, null, "With `spike.sigma`: steps before, as many as must be there; unset: 100.")
        {
            Unit = "steps", Min = 2, Max = 10_000,
        },
        new("spike.skip", KeyKind.Integer, null, "With `spike.sigma`: steps behind a spike whose windows are left out with its own; unset: 0.")
        {
            Unit = "steps", Min = 0, Max = 1_000_000,
        },
        new("precision", KeyKind.Text, "auto",
            "Arithmetic of forward and backward; master weights and optimizer stay fp32. `auto`: bf16 where the hardware multiplies it faster than fp32 "
            + "and `autocast` is on.") { Choices = ["auto", "fp32", "bf16"] },
        new("autocast", KeyKind.Boolean, "true", "`false` makes `precision: auto` mean fp32."),
        new("activation_checkpointing", KeyKind.Boolean, "false",
            "Save only each block's input and recompute the block in backward: less memory, about a third more time."),
        new("deterministic", KeyKind.Boolean, "false",
            "Refuse what has no fixed order of summation: two runs have the same weights bit for bit. Every run on a CPU is so; on a GPU it costs time, "
            + "6 % of a large step, half of a small one more."),

        new("optimizer.name", KeyKind.Text, "adamw",
            "`adamw`; `adam` and `sgd`, whose weight decay is part of the gradient; `muon` for the blocks' matrices, with AdamW for all else, at one "
            + "learning rate.") { Choices = ["adamw", "adam", "sgd", "muon"] },
        new("optimizer.params.weight_decay", KeyKind.Number, "0.1", "Weight decay; on matrices and embeddings only, not on biases and norms.") { Min = 0 },
        new("optimizer.params.betas", KeyKind.Numbers, "[0.9, 0.95]", "Adam's β₁ and β₂."),
        new("optimizer.params.eps", KeyKind.Number, "1e-8", "Adam's ε.") { Min = 0, MinExclusive = true },
        new("optimizer.params.momentum", KeyKind.Number, null, "`sgd`, `muon`: momentum; unset: 0.9, for `muon` 0.95.") { Min = 0, Max = 0.9999 },
        new("optimizer.params.nesterov", KeyKind.Boolean, null, "`sgd`, `muon`: Nesterov's momentum; unset: `false`, for `muon` `true`."),
        new("optimizer.params.fused", KeyKind.Boolean, "true",
            "Fused kernel switch of the Python DTT.") { LostMeaning = "is accepted and does nothing: the fused kernel is always used." },

        new("lr_schedule.name", KeyKind.Text, "cosine",
            "`onecycle` (PyTorch's OneCycleLR with cosine annealing, over the run's exact length, cycling the momentum too); with linear warm-up: "
            + "`cosine`, `constant`, `exponential` (PyTorch's ExponentialLR), `wsd` (stable, then linear decay).")
        {
            Choices = ["onecycle", "cosine", "constant", "exponential", "wsd"],
        },
        new("lr_schedule.params.lr_max", KeyKind.Number, "6e-4", "The largest learning rate.") { Min = 0, MinExclusive = true },
        new("lr_schedule.params.pct_start", KeyKind.Number, "0.1", "`onecycle`: share of the run in which the rate rises.") { Min = 0, Max = 1 },
        new("lr_schedule.params.div_factor", KeyKind.Number, "25", "`onecycle`: first rate = lr_max ÷ this.") { Min = 1 },
        new("lr_schedule.params.final_div_factor", KeyKind.Number, "10000", "`onecycle`: last rate = first rate ÷ this.") { Min = 1 },
        new("lr_schedule.params.gamma", KeyKind.Number, null,
            "`exponential`: factor from step to step; unset: the one that ends at `min_lr`.") { Min = 0, MinExclusive = true, Max = 1 },
        new("lr_schedule.params.decay_share", KeyKind.Number, "0.2", "`wsd`: share of the run in which the rate falls.") { Min = 0, Max = 1 },
        new("warmup_steps", KeyKind.Integer, null,
            "All but `onecycle`: steps of linear warm-up; unset: 5 % of the run, for `exponential` none.") { Unit = "steps", Min = 0, Max = 1e12 },
        new("min_lr", KeyKind.Number, null, "`cosine`, `exponential`, `wsd`: the last learning rate; unset: lr_max ÷ 10, for `wsd` 0.") { Min = 0 },

        new("eval_every", KeyKind.Integer, null,
            "Steps between validations, each with a sample; 0: only at the end; unset: `log_per_val` × `eff_batch_per_log`, or 250.")
        {
            Unit = "steps", Min = 0,
        },
        new("log_per_val", KeyKind.Integer, null, "Log lines between validations, as in the Python DTT.") { Unit = "log lines", Min = 1, Max = 1_000_000 },
        new("val_tokens", KeyKind.Integer, "131072",
            "Target tokens of one validation: always the same windows, the first of the validation shards.") { Unit = "tokens", Min = 1, Max = 1e15 },
        new("choices", KeyKind.Path, null,
            "A `.jsonl` file of multiple-choice questions in HellaSwag's form (`ctx`, `endings`, `label`), answered at every validation."),
        new("max_choices", KeyKind.Integer, "1000", "Most questions to answer: the first ones.") { Min = 1, Max = 1e12 },
        new("val_prompt", KeyKind.Text, "Once upon a time", "Prompt of the samples during training."),
        new("temp", KeyKind.Number, "0.8", "Temperature of the samples during training; 0: always the most likely token.") { Min = 0 },

        new("save_every", KeyKind.Integer, null, "Steps between checkpoints; 0: only at the end; unset: as `eval_every`. `auto`: the interval "
            + "that loses least, by what a save costs and how far failures are apart; `dtt show` states it.") { Unit = "steps", Min = 0, Word = "auto" },
        new("keep", KeyKind.Integer, "3",
            "How many of the newest checkpoints to retain; the best by validation loss and pinned ones are retained as well.")
        {
            Unit = "checkpoints", Min = 1,
        },

        new("eff_batch_per_log", KeyKind.Integer, "10",
            "Steps between log lines on the terminal; the metrics of every step are recorded anyway.") { Unit = "steps", Min = 1 },
        new("tensorboard", KeyKind.Boolean, "false",
            "Also write every metric and sample as TensorBoard event files into the run's `tensorboard` folder: `tensorboard --logdir runs`."),
        new("wandb", KeyKind.Boolean, "false",
            "Write the same files, and at the end print the `wandb sync` command that sends them to W&B; DTT itself sends nothing."),
        new("profile", KeyKind.Boolean, "false",
            "Record the time of each phase of a step among the metrics (on a GPU each phase waits for the device), and a few steps of each attempt as a "
            + "trace for Perfetto in the run's `profile` folder."),

        new("cuda", KeyKind.Boolean, "true",
            "Train on a GPU when there is one; a configuration that asks for one gets a warning when the CPU is used instead."),
        new("ranks_per_node", KeyKind.Integer, "1",
            "Data-parallel ranks: one per GPU, or shares of the CPU's cores. A step has `batch_size` × `grad_accumulation_steps` × ranks windows at first "
            + "launch, and keeps that size.") { Min = 1, Max = 1024 },
        new("min_ranks", KeyKind.Integer, null,
            "Fewest ranks to start or continue with when there are not enough GPUs; unset: `ranks_per_node`.") { Min = 1, Max = 1024 },
        new("nodes", KeyKind.Integer, "1",
            "Nodes to train on, each with `ranks_per_node` ranks; `all`: every node of the platform. The first attempt begins when all are free, for the size "
            + "of a step is frozen with it.") { Min = 1, Max = 4096, Word = "all" },
        new("min_nodes", KeyKind.Integer, "1",
            "Fewest nodes to go on with when some are lost. A node that comes back is taken again after the next checkpoint.") { Min = 1, Max = 4096 },
        new("node_wait", KeyKind.Integer, "60", "How long a run waits for a lost node before it goes on with fewer, or without GPUs.")
        {
            Unit = "seconds",
            Min = 0,
            Max = 31_536_000,
        },
        new("shard_optimizer", KeyKind.Boolean, "false",
            "Shard the optimizer's state over the ranks (ZeRO stage 1): the same update, a share of the memory on each."),

        new("templates", KeyKind.Text, ConfigLoader.DefaultTemplates, "File with the path templates."),
    ];

    /// <summary>The headings of the documentation, each with the first key under it.</summary>
    public static IReadOnlyList<(string FirstKey, string Title)> Sections { get; } =
    [
        ("name", "Run"), ("architecture", "Model"), ("vocab_size", "Tokenizer"), ("dataset", "Data"), ("batch_size", "Training"),
        ("optimizer.name", "Optimizer"), ("lr_schedule.name", "Learning rate"), ("eval_every", "Validation and samples"),
        ("save_every", "Checkpoints"), ("eff_batch_per_log", "Logging"), ("cuda", "Resources"), ("templates", "Paths"),
    ];

    /// <summary>What an unset key means: <c>1e-05 for `a`, `b`; 1e-06 for `c`</c>.</summary>
    private static string Defaults(Func<ArchitectureSpec, bool> which, Func<ArchitectureSpec, double> value)
    {
        var numbers = Architectures.All.Where(which).Select(value).Distinct();
        return string.Join("; ", numbers.Select(number =>
            $"{ValueReader.Write(number).ToLowerInvariant()} for {Architectures.Named(a => which(a) && value(a) == number)}"));
    }
}
