package gormstore

// printPut prints the statement that inserts a record, or replaces one. Its
// operands are the fields, the revision and the id again.
func (t *table) printPut(replace bool) Statement {
	out := t.dialect.print(t)
	if !replace {
		out.required(func() {
			out.insert()
			out.template(t.dialect.Unless, t.columns[t.ID].name, 0)
		})
		return out.statement()
	}
	out.update(len(t.columns) + 1)
	return out.statement()
}

// update appends an UPDATE of one record, whose id is the operand.
func (p *printer) update(id int) {
	t, out := p.table, p
	out.write("UPDATE ", t.name, " SET ")
	changed := t.changed()
	out.list(len(changed), func(i int) {
		column := &t.columns[changed[i]]
		out.write(column.name, " = ")
		out.template(column.write, "", changed[i])
		if column.beside.Write != "" {
			out.write(", ", column.beside.Name, " = ")
			out.template(column.beside.Write, "", changed[i])
		}
	})
	if len(changed) > 0 && (t.stored != "" || t.counted != "") {
		out.write(", ")
	}
	switch {
	case t.stored != "":
		out.write(t.stored, " = ")
		out.bind(len(t.columns), plain)
	case t.counted != "":
		out.count()
	case len(changed) == 0: // the id is all there is
		out.write(t.columns[t.ID].name, " = ", t.columns[t.ID].name)
	}
	out.write(" WHERE ")
	out.lookup(id)
}

// changed returns the positions of the fields that replacing a record writes:
// all but the id and a column that is counted up.
func (t *table) changed() []int {
	positions := make([]int, 0, len(t.columns))
	for i, column := range t.columns {
		if i != t.ID && column.name != t.counted {
			positions = append(positions, i)
		}
	}
	return positions
}

// count appends the counting up of the table's revision.
func (p *printer) count() {
	p.write(p.table.counted, " = coalesce(", p.table.name, ".", p.table.counted, ", 0) + 1")
}

// insert appends an INSERT of one record.
func (p *printer) insert() {
	t := p.table
	p.write("INSERT INTO ", t.name, " (")
	p.list(len(t.columns), func(i int) {
		p.write(t.columns[i].name)
		if t.columns[i].beside.Write != "" {
			p.write(", ", t.columns[i].beside.Name)
		}
	})
	if !t.own() {
		p.write(", ", t.stored)
	}
	if t.begun {
		p.write(", ", t.counted)
	}
	if p.dialect.Unless == "" {
		p.write(") SELECT ")
		p.row()
		p.write(" WHERE NOT EXISTS (SELECT 1 FROM ", t.name, " WHERE ")
		p.lookup(t.ID)
		p.write(")")
		return
	}
	p.write(") VALUES (")
	p.row()
	p.write(")")
}

// row appends the values of one record.
func (p *printer) row() {
	t := p.table
	p.list(len(t.columns), func(i int) {
		p.template(t.columns[i].write, "", i)
		if t.columns[i].beside.Write != "" {
			p.write(", ")
			p.template(t.columns[i].beside.Write, "", i)
		}
	})
	if !t.own() {
		p.write(", ")
		p.bind(len(t.columns), plain)
	}
	if t.begun {
		p.write(", 1")
	}
}
